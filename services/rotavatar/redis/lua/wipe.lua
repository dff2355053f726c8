#!lua
-- Destroy the credentials of some members of a workspace that took the app away. What they chose stays, and so does an
-- open intent: with it a picture of ours is told from their own photo when they come back.
-- KEYS[1] workspace hash    ARGV prefix, workspace, reason, now (ms), members ...
-- Returns the members who had asked to be forgotten; nothing is done where somebody has installed the app again.
local prefix, w, reason, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local leaving = {}
if redis.call('HGET', KEYS[1], 's') ~= 'uninstalled' then return leaving end
for i = 5, #ARGV do
  local key = prefix .. 'm:' .. w .. ':' .. ARGV[i]
  local m = redis.call('HMGET', key, 'v', 'i', 'w')
  if m[1] then
    redis.call('HDEL', key, 'c', 'ra')
    redis.call('HSETNX', key, 'l', now)
    if m[3] == 'forget' then
      leaving[#leaving + 1] = ARGV[i]
    else
      redis.call('HDEL', key, 'w')
      if m[2] ~= 'left' then redis.call('HSET', key, 'i', m[3] == 'leave' and 'left' or reason) end
      if m[2] == 'left' or m[3] == 'leave' then redis.call('SADD', prefix .. 'left:' .. w, ARGV[i]) end
      redis.call('ZREM', prefix .. 'due:' .. w, ARGV[i])
      redis.call('ZREM', prefix .. 'flight:' .. w, ARGV[i])
    end
    redis.call('HINCRBY', key, 'v', 1)
  end
end
return leaving
