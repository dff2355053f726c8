#!lua
-- Note which Home tabs want a publish, and take their jobs off the stream. Many marks of a member are one publish.
-- KEYS[1] publish-ready set, KEYS[2] stream
-- ARGV    prefix, now (ms), look until (ms), group, then per job: id, workspace, member, looking ('1')
-- A member who is looking is scored below everybody who is not, by LOOKING ms.
local prefix, now, untl, group = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local LOOKING = 1e14
for i = 5, #ARGV, 4 do
  local id, w, user, looks = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3] == '1'
  local wanted, looking = prefix .. 'want:' .. w, prefix .. 'looking:' .. w
  if looks then
    redis.call('ZADD', looking, untl, user)
    redis.call('ZREMRANGEBYSCORE', looking, '-inf', now)
  else
    looks = tonumber(redis.call('ZSCORE', looking, user) or 0) > now
  end
  redis.call('ZADD', wanted, 'LT', string.format('%.0f', looks and now - LOOKING or now), user)
  redis.call('ZADD', KEYS[1], 'LT', now, w)
  redis.call('XACK', KEYS[2], group, id)
  redis.call('XDEL', KEYS[2], id)
end
return 'OK'
