#!lua
-- Store what an installation brought, and the jobs that follow from it, in one step.
-- KEYS[1] workspace hash, KEYS[2] member hash
-- ARGV    prefix, workspace, member, count of workspace fields, those fields and values,
--         count of member fields, those fields and values, schedule job, publish job, in-flight cap, default limits,
--         most members (0: any number)
-- Answers FULL where a member who is new found no place: then nothing of them is stored.
-- A credential that is older than the stored one changes nothing: 'ca' is Slack's time of its answer.
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

local workspace, member = list(), list()
-- A suspension is not Slack's to end.
local installed = store(KEYS[1], workspace)
if installed then redis.call('HDEL', KEYS[1], 's', 'sa', 'ra', 'so') end
redis.call('SADD', prefix .. 'workspaces', w)
local new = redis.call('EXISTS', KEYS[2]) == 0
local most = tonumber(ARGV[at + 4])
local full = new and #member > 0 and most > 0 and redis.call('SCARD', prefix .. 'members:' .. w) >= most
local consented = not full and store(KEYS[2], member)
if installed or (consented and new) then mark_changed(prefix, w) end
if consented then
  -- What was wished under an earlier consent is not done under this one. Until the job is done, new members are off.
  redis.call('HDEL', KEYS[2], 'ra', 'w')
  stay(prefix .. 'due:' .. w)
  if new then redis.call('HSET', KEYS[2], 'i', 'off') end
  redis.call('SADD', prefix .. 'members:' .. w, user)
  redis.call('XADD', prefix .. 'jobs:schedule', '*', 'j', ARGV[at])
end
-- Members who were due when the app was taken away are so still.
local record = redis.call('HMGET', KEYS[1], 's', 'su', 'lim')
local limits = limits_of(record[3], ARGV[at + 3])
rescore(prefix .. 'ready', prefix, w, record[1], record[2], pace_of(prefix .. 'pace:' .. w), limits, tonumber(ARGV[at + 2]))
if full then return 'FULL' end
redis.call('XADD', prefix .. 'jobs:publish', '*', 'j', ARGV[at + 1])
return 'OK'
