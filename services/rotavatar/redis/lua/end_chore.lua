#!lua
-- A step of a chore is over: drop it, or plan its next step. What was planned while the step went on comes first.
-- KEYS[1] chores    ARGV chore, end of the step's lease (ms), time of the next step (ms; '' none)
local planned = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not planned then return 'OK' end -- its workspace was purged
if tonumber(planned) ~= tonumber(ARGV[2]) then
  if ARGV[3] ~= '' then redis.call('ZADD', KEYS[1], 'LT', ARGV[3], ARGV[1]) end
elseif ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
end
return 'OK'
