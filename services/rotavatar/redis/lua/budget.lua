#!lua
-- One call out of a partition's share of a limit that the whole app has.
-- KEYS[1] budget (a TAT)    ARGV now (ms), interval (ms), burst
-- Returns the time (ms) from which the call may start: now, or later where nothing was granted.
-- include: gcra
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or 0)
if grants(now, tat, 0, interval, burst) < 1 then return string.format('%.0f', next_slot(tat, 0, interval, burst)) end
local after = math.max(tat, now) + interval
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', string.format('%.0f', burst * interval))
return string.format('%.0f', now)
