#!lua
-- Store or forget the sealed credentials of a Slack app, and count the change in the same step.
-- KEYS[1] hash of apps, KEYS[2] hash of their sources
-- ARGV    app id, sealed credentials or nothing, source ('' none; left out: as it is)
local app, sealed, source = ARGV[1], ARGV[2], ARGV[3]
if source == '' then
  redis.call('HDEL', KEYS[2], app)
elseif source then
  redis.call('HSET', KEYS[2], app, source)
end
if sealed == '' then
  if redis.call('HDEL', KEYS[1], app) == 0 then return 0 end
else
  redis.call('HSET', KEYS[1], app, sealed)
end
return redis.call('HINCRBY', KEYS[1], 'version', 1)
