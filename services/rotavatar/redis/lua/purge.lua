#!lua
-- Remove some members of a workspace and everything about them; with the last one, the workspace.
-- KEYS[1] workspace hash
-- ARGV    prefix, workspace, expected epoch (another one means that somebody came back: nothing is done), members ...
-- Returns how many members are left, or -1 where somebody came back.
-- include: changed
local prefix, w = ARGV[1], ARGV[2]
if (redis.call('HGET', KEYS[1], 'e') or '0') ~= ARGV[3] then return -1 end
for i = 4, #ARGV do
  local user = ARGV[i]
  redis.call('DEL', prefix .. 'm:' .. w .. ':' .. user)
  redis.call('SREM', prefix .. 'members:' .. w, user)
  redis.call('SREM', prefix .. 'left:' .. w, user)
  for _, set in ipairs({ 'due:', 'flight:', 'want:', 'pubflight:', 'looking:' }) do redis.call('ZREM', prefix .. set .. w, user) end
end
local left = redis.call('SCARD', prefix .. 'members:' .. w)
if left == 0 then
  -- Whom the operator governs it hears of; of others nothing stays.
  if redis.call('HEXISTS', KEYS[1], 't') == 1 then mark_changed(prefix, w) else redis.call('ZREM', prefix .. 'changed', w) end
  for _, kind in ipairs({ 'ws:', 'members:', 'left:', 'use:', 'due:', 'flight:', 'pace:', 'worn:', 'want:', 'pubflight:', 'looking:' }) do
    redis.call('DEL', prefix .. kind .. w)
  end
  redis.call('SREM', prefix .. 'workspaces', w)
  redis.call('ZREM', prefix .. 'ready', w)
  redis.call('ZREM', prefix .. 'pubready', w)
  for _, kind in ipairs({ 'wipe:', 'purge:', 'retention:', 'empty:', 'migration:', 'policy:' }) do
    redis.call('ZREM', prefix .. 'chores', kind .. w)
  end
end
return left
