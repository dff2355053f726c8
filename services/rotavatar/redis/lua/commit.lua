#!lua
-- Replace a member's record and place, if it is still the one that the caller saw.
-- KEYS[1] member hash
-- ARGV    prefix, workspace, member, expected version ('' where there must be none), expected version of the
--         workspace,
--         place ('due' | 'idle' | 'flight' | 'gone' | 'stay'), due or lease time (ms), in-flight cap, default limits,
--         picture bit to take ('' none), whether to take it although a colleague wears it ('1'),
--         count of bits to release, those bits, count of fields to set, those fields and values,
--         count of fields to delete, those fields, publish job ('' none), job stream ('' none), group, id,
--         month of the rotation that this records ('' none)
-- Returns OK, STALE (the record changed: read it again), TAKEN (a colleague took the picture: choose again)
-- include: rotation
-- include: usage
local key, prefix, w, user, version, seen = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local place, time, cap, default, bit, share = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9], ARGV[10], ARGV[11]
local at = 12

local function list()
  local n, values = tonumber(ARGV[at]), {}
  for i = 1, n do values[i] = ARGV[at + i] end
  at = at + n + 1
  return values
end
local release, put, drop = list(), list(), list()
local publish, stream, group, id = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]

local ws, worn = prefix .. 'ws:' .. w, prefix .. 'worn:' .. w
local record = redis.call('HMGET', ws, 'v', 's', 'su', 'lim')
-- A decision under an older policy is no decision.
if (redis.call('HGET', key, 'v') or '') ~= version or (record[1] or '0') ~= seen then return 'STALE' end
if bit ~= '' then
  if redis.call('GETBIT', worn, bit) == 1 then
    if share ~= '1' then return 'TAKEN' end
  else
    redis.call('SETBIT', worn, bit, 1)
  end
end
for _, b in ipairs(release) do redis.call('SETBIT', worn, b, 0) end

local due, flight, members = prefix .. 'due:' .. w, prefix .. 'flight:' .. w, prefix .. 'members:' .. w
if place == 'gone' then
  redis.call('DEL', key)
  redis.call('SREM', members, user)
  redis.call('SREM', prefix .. 'left:' .. w, user)
else
  if #put > 0 then redis.call('HSET', key, unpack(put)) end
  if #drop > 0 then redis.call('HDEL', key, unpack(drop)) end
  redis.call('HSET', key, 'v', string.format('%.0f', tonumber(version == '' and 0 or version) + 1))
  redis.call('SADD', members, user)
end
if place == 'due' then
  redis.call('ZADD', due, time, user)
  redis.call('ZREM', flight, user)
elseif place == 'flight' then
  redis.call('ZADD', flight, time, user)
elseif place == 'idle' or place == 'gone' then
  redis.call('ZREM', due, user)
  redis.call('ZREM', flight, user)
  local m = place == 'idle' and redis.call('HMGET', key, 'i', 'c') or {}
  -- Their place is free for somebody else, unless they have come back and their job is still to be done.
  if m[1] == 'left' and not m[2] then redis.call('SADD', prefix .. 'left:' .. w, user) end
end
if place ~= 'stay' then
  local limits = limits_of(record[4], default)
  rescore(prefix .. 'ready', prefix, w, record[2], record[3], pace_of(prefix .. 'pace:' .. w), limits, cap)
end
if publish ~= '' then redis.call('XADD', prefix .. 'jobs:publish', '*', 'j', publish) end
if ARGV[at + 4] ~= '' then count_use(prefix, w, ARGV[at + 4], 'r') end
if stream ~= '' then
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end
return 'OK'
