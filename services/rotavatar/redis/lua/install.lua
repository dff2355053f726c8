#!lua
-- Store what an installation brought, and the jobs that follow from it, in one step.
-- KEYS[1] workspace hash, KEYS[2] member hash
-- ARGV    prefix, workspace, member, count of workspace fields, those fields and values,
--         count of member fields, those fields and values, schedule job, publish job, in-flight cap, default limits,
--         who may install ('open' | 'approve' | 'declared')
-- A credential that is older than the stored one changes nothing: 'ca' is Slack's time of its answer.
-- Returns OK; WAITING (stored, but the workspace waits for approval); UNDECLARED (it may not install: nothing is stored);
-- FULL (the workspace has as many members as it may: the member is not stored)
-- include: rotation
-- include: changed
local prefix, w, user, at = ARGV[1], ARGV[2], ARGV[3], 4

local function list()
  local n, values = tonumber(ARGV[at]), {}
  for i = 1, n do values[i] = ARGV[at + i] end
  at = at + n + 1
  return values
end

local function store(key, values)
  local time
  for i = 1, #values, 2 do if values[i] == 'ca' then time = tonumber(values[i + 1]) end end
  if #values == 0 or (time and time < tonumber(redis.call('HGET', key, 'ca') or 0)) then return false end
  redis.call('HSET', key, unpack(values))
  redis.call('HINCRBY', key, 'e', 1)
  redis.call('HINCRBY', key, 'v', 1)
  return true
end

-- Who wished to leave no longer does, and is due like everybody else.
local function stay(due)
  local time = tonumber(redis.call('ZSCORE', due, user) or 0)
  if time < 0 then redis.call('ZADD', due, string.format('%.0f', time + LEAVING), user) end
end

local members, left = prefix .. 'members:' .. w, prefix .. 'left:' .. w

-- Whether every place is taken, and none of them is the member's own. Who left has given up theirs.
local function full(policy)
  local most = policy and cjson.decode(policy).max_members
  if not most or redis.call('SCARD', members) - redis.call('SCARD', left) < most then return false end
  return redis.call('SISMEMBER', members, user) == 0 or redis.call('SISMEMBER', left, user) == 1
end

local workspace, member = list(), list()
local rule, known = ARGV[at + 4], redis.call('HMGET', KEYS[1], 'v', 'c', 's', 't', 'p')
local here = known[2] and not known[3]
if #workspace > 0 and rule == 'declared' and not here and not known[4] then return 'UNDECLARED' end
-- A suspension is not Slack's to end.
local installed = store(KEYS[1], workspace)
if installed and rule == 'approve' and not known[1] then redis.call('HSET', KEYS[1], 'su', 'approval') end
if installed then redis.call('HDEL', KEYS[1], 's', 'sa', 'ra', 'so') end
redis.call('SADD', prefix .. 'workspaces', w)
local new = redis.call('EXISTS', KEYS[2]) == 0
local refused = #member > 0 and full(known[5])
local consented = not refused and store(KEYS[2], member)
if installed or (consented and new) then mark_changed(prefix, w) end
if consented then
  -- What was wished under an earlier consent is not done under this one. Until the job is done, new members are off.
  redis.call('HDEL', KEYS[2], 'ra', 'w')
  stay(prefix .. 'due:' .. w)
  if new then redis.call('HSET', KEYS[2], 'i', 'off') end
  redis.call('SADD', members, user)
  redis.call('SREM', left, user)
  redis.call('XADD', prefix .. 'jobs:schedule', '*', 'j', ARGV[at])
end
-- Members who were due when the app was taken away are so still.
local record = redis.call('HMGET', KEYS[1], 's', 'su', 'lim')
local limits = limits_of(record[3], ARGV[at + 3])
rescore(prefix .. 'ready', prefix, w, record[1], record[2], pace_of(prefix .. 'pace:' .. w), limits, tonumber(ARGV[at + 2]))
redis.call('XADD', prefix .. 'jobs:publish', '*', 'j', ARGV[at + 1])
if refused then return 'FULL' end
return record[2] == 'approval' and 'WAITING' or 'OK'
