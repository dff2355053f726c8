#!lua
-- Store or forget the sealed credentials of a Slack app, and count the change in the same step.
-- KEYS[1] hash of apps    ARGV app id, sealed credentials or nothing
if ARGV[2] == '' then
  if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return redis.call('HINCRBY', KEYS[1], 'version', 1)
