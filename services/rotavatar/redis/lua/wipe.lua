#!lua
-- Destroy the credentials of some members of a workspace that took the app away. What they chose stays.
-- KEYS[1] workspace hash    ARGV prefix, workspace, reason, members ...
local prefix, w, reason = ARGV[1], ARGV[2], ARGV[3]
for i = 4, #ARGV do
  local key = prefix .. 'm:' .. w .. ':' .. ARGV[i]
  if redis.call('HEXISTS', key, 'c') == 1 then
    redis.call('HDEL', key, 'c', 'ra', 'x', 'w')
    if redis.call('HGET', key, 'i') ~= 'left' then redis.call('HSET', key, 'i', reason) end
    redis.call('HINCRBY', key, 'v', 1)
  end
  redis.call('ZREM', prefix .. 'due:' .. w, ARGV[i])
  redis.call('ZREM', prefix .. 'flight:' .. w, ARGV[i])
end
return 'OK'
