#!lua
-- One more grant of a method for a workspace, or none.
-- KEYS[1] pace hash, KEYS[2] workspace hash    ARGV method, now (ms), default limits
-- Returns the time (ms) from which a call may start: now, or later where nothing was granted.
-- include: rotation
local method, now = ARGV[1], tonumber(ARGV[2])
local limit = limits_of(redis.call('HGET', KEYS[2], 'lim'), ARGV[3])[method]
local pace = redis.call('HMGET', KEYS[1], method, method .. '!')
local tat, hold = tonumber(pace[1] or 0), tonumber(pace[2] or 0)
if grants(now, tat, hold, limit[1], limit[2]) < 1 then
  return string.format('%.0f', next_slot(tat, hold, limit[1], limit[2]))
end
redis.call('HSET', KEYS[1], method, string.format('%.0f', math.max(tat, now) + limit[1]))
return string.format('%.0f', now)
