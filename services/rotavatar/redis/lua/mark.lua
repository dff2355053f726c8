#!lua
-- Note which Home tabs want a publish, and take their jobs off the stream. Many marks of a member are one publish.
-- KEYS[1] publish-ready set, KEYS[2] stream
-- ARGV    prefix, now (ms), look until (ms), group, then per job: id, workspace, member, and why: '1' looking and wants
--         a publish, 'look' looking at what is fresh already, 'later' wants one when nobody else does, '' wants one
-- include: publishing
local prefix, now, untl, group = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
for i = 5, #ARGV, 4 do
  local id, w, user, why = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if why == '1' or why == 'look' then
    local looking = prefix .. 'looking:' .. w
    redis.call('ZADD', looking, untl, user)
    redis.call('ZREMRANGEBYSCORE', looking, '-inf', now)
    redis.call('PEXPIRE', looking, untl - now)
  end
  if why ~= 'look' then
    redis.call('ZADD', prefix .. 'want:' .. w, 'LT', mark_of(prefix, w, user, now, why == 'later'), user)
    redis.call('ZADD', KEYS[1], 'LT', now, w)
  end
  redis.call('XACK', KEYS[2], group, id)
  redis.call('XDEL', KEYS[2], id)
end
return 'OK'
