#!lua
-- Replace a workspace's record, if it is still the one that the caller saw.
-- KEYS[1] workspace hash
-- ARGV    prefix, workspace, expected version ('' where there must be none), in-flight cap, default limits,
--         count of fields to set, those fields and values, count of fields to delete, those fields,
--         chore ('' none), its time (ms), job stream ('' none), group, id,
--         whether to tell the operator ('1'), now (ms)
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

-- Calls that were granted count as so many calls under the new limits too: neither does an old limit go on to hold,
-- nor does a new one begin with a burst on top of what has left.
local function repace(prefix, w, old, new, now)
  local pace = prefix .. 'pace:' .. w
  for method, limit in pairs(new) do
    local ahead = tonumber(redis.call('HGET', pace, method) or 0) - now
    if ahead > 0 then
      redis.call('HSET', pace, method, string.format('%.0f', now + math.ceil(ahead * limit[1] / old[method][1])))
    end
  end
  if redis.call('ZSCORE', prefix .. 'pubready', w) then redis.call('ZADD', prefix .. 'pubready', now, w) end
end

if (redis.call('HGET', key, 'v') or '') ~= version then return 'STALE' end
local before = redis.call('HGET', key, 'lim')
if #put > 0 then redis.call('HSET', key, unpack(put)) end
if #drop > 0 then redis.call('HDEL', key, unpack(drop)) end
redis.call('HSET', key, 'v', string.format('%.0f', tonumber(version == '' and 0 or version) + 1))
redis.call('SADD', prefix .. 'workspaces', w)
local record = redis.call('HMGET', key, 's', 'su', 'lim')
local limits = limits_of(record[3], default)
if before ~= record[3] then repace(prefix, w, limits_of(before, default), limits, tonumber(ARGV[at + 6])) end
rescore(prefix .. 'ready', prefix, w, record[1], record[2], pace_of(prefix .. 'pace:' .. w), limits, cap)
if chore ~= '' then redis.call('ZADD', prefix .. 'chores', chore_at, chore) end
if ARGV[at + 5] == '1' then mark_changed(prefix, w) end
if stream ~= '' then
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end
return 'OK'
