#!lua
-- Slack asked us to wait: no call of the method for this workspace before a time. Later answers win.
-- KEYS[1] pace hash
-- ARGV    prefix, workspace, method, until (ms), in-flight cap, default limits
-- include: rotation
local prefix, w, method, hold = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if hold > tonumber(redis.call('HGET', KEYS[1], method .. '!') or 0) then
  redis.call('HSET', KEYS[1], method .. '!', ARGV[4])
  if method == 'photo' or method == 'profile' then
    local record = redis.call('HMGET', prefix .. 'ws:' .. w, 's', 'su', 'lim')
    local limits = limits_of(record[3], ARGV[6])
    rescore(prefix .. 'ready', prefix, w, record[1], record[2], pace_of(KEYS[1]), limits, tonumber(ARGV[5]))
  elseif redis.call('ZSCORE', prefix .. 'pubready', w) then
    redis.call('ZADD', prefix .. 'pubready', 'GT', ARGV[4], w)
  end
end
return 'OK'
