#!lua
-- Replace a workspace's record, if it is still the one that the caller saw.
-- KEYS[1] workspace hash
-- ARGV    prefix, workspace, expected version ('' where there must be none), in-flight cap, default limits,
--         count of fields to set, those fields and values, count of fields to delete, those fields,
--         chore ('' none), its time (ms), job stream ('' none), group, id,
--         whether to tell the operator ('1')
-- Returns OK or STALE
-- include: rotation
-- include: changed
local key, prefix, w, version, cap, default = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local at = 6

local function list()
  local n, values = tonumber(ARGV[at]), {}
  for i = 1, n do values[i] = ARGV[at + i] end
  at = at + n + 1
  return values
end
local put, drop = list(), list()
local chore, chore_at, stream, group, id = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]

if (redis.call('HGET', key, 'v') or '') ~= version then return 'STALE' end
if #put > 0 then redis.call('HSET', key, unpack(put)) end
if #drop > 0 then redis.call('HDEL', key, unpack(drop)) end
redis.call('HSET', key, 'v', string.format('%.0f', tonumber(version == '' and 0 or version) + 1))
redis.call('SADD', prefix .. 'workspaces', w)
local record = redis.call('HMGET', key, 's', 'su', 'lim')
local limits = limits_of(record[3], default)
rescore(prefix .. 'ready', prefix, w, record[1], record[2], pace_of(prefix .. 'pace:' .. w), limits, cap)
if chore ~= '' then redis.call('ZADD', prefix .. 'chores', chore_at, chore) end
if ARGV[at + 5] == '1' then mark_changed(prefix, w) end
if stream ~= '' then
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end
return 'OK'
