#!lua
-- Claim members whose rotation may start now, of as many workspaces as it takes, in the order of their readiness.
-- KEYS[1] ready set
-- ARGV    prefix, now (ms), members wanted, end of the leases (ms), in-flight cap, default limits, most per workspace
-- Returns a flat list: workspace, member, fence, due time (ms; '' for one that is taken over), workspace, member ...;
-- who was given up is there too, with '' for a fence: nothing is claimed for them.
-- Each command costs a microsecond or two, so nothing is read twice: this is what bounds rotations in Redis.
-- include: rotation
local ready, prefix, now, want, lease_end, cap, default, most =
  KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local claimed, given_up = {}, {}

-- Leases of one member in a row whose worker died ('lo'). The first is taken over at once: processes are restarted. Then
-- the member waits, and each for a time of their own, so that who kills their worker does not meet those again who were
-- in its hands by chance. After the fifth they are given up for six hours.
local WAIT, GIVEN_UP, REST = 60000, 5, 6 * 3600 * 1000

local function member_key(w, user) return prefix .. 'm:' .. w .. ':' .. user end

-- Counts the attempt and sets the fence.
local function take(w, user, due, version, attempt)
  local fence = string.format('%.0f', tonumber(version) + 1)
  redis.call('HSET', member_key(w, user), 'v', fence, 'f', fence, 'a', tonumber(attempt or 0) + 1)
  local n = #claimed
  claimed[n + 1], claimed[n + 2], claimed[n + 3], claimed[n + 4] = w, user, fence, due
end

-- How long (ms) a member waits who lost `losses` leases in a row.
local function wait_after(user, losses)
  if losses >= GIVEN_UP then return REST end
  if losses == 1 then return 0 end
  local spread = tonumber(string.sub(redis.sha1hex(user .. losses), 1, 8), 16) / 2 ^ 32
  return math.floor(WAIT * 2 ^ (losses - 2) * (0.5 + spread))
end

-- A lease that ran out and is not taken over: its member is due after `wait`.
local function put_back(w, user, leaving, wait)
  redis.call('HINCRBY', member_key(w, user), 'v', 1)
  redis.call('ZADD', prefix .. 'due:' .. w, string.format('%.0f', now + wait - (leaving and LEAVING or 0)), user)
end

-- Leases that ran out are taken over first, each under a grant of its own; in a suspended workspace those who do not
-- leave wait. Returns how many were lost, and how many of them are no longer in flight.
local function take_over(w, flight, granted, suspended)
  local landed, lost = 0, redis.call('ZRANGE', flight, '-inf', now, 'BYSCORE', 'LIMIT', 0, granted)
  for _, user in ipairs(lost) do
    local m = redis.call('HMGET', member_key(w, user), 'v', 'a', 'w', 'lo')
    local losses, leaving = tonumber(m[4] or 0) + 1, leaves(m[3])
    local wait = wait_after(user, losses)
    if m[1] then redis.call('HSET', member_key(w, user), 'lo', losses) end
    if m[1] and wait == 0 and (leaving or not suspended) then
      take(w, user, '', m[1], m[2])
      redis.call('ZADD', flight, lease_end, user)
    else
      if m[1] then put_back(w, user, leaving, wait) end
      if m[1] and losses >= GIVEN_UP then table.insert(given_up, { w, user, '', '' }) end
      redis.call('ZREM', flight, user)
      landed = landed + 1
    end
  end
  return #lost, landed
end

-- Up to `free` members that are due. Returns how many came into flight, and when the next one is due.
local function take_due(w, due, flight, free, suspended)
  local users, leases = {}, {}
  local queue, later = queue_of(due, free + 1, now, suspended)
  for i = 1, #queue, 2 do
    local user = queue[i]
    if #users == free or tonumber(queue[i + 1]) > now then break end
    users[#users + 1] = user
    local m = redis.call('HMGET', member_key(w, user), 'v', 'a')
    if m[1] then
      take(w, user, queue[i + 1], m[1], m[2])
      leases[#leases + 1], leases[#leases + 2] = lease_end, user
    end
  end
  if #users > 0 then redis.call('ZREM', due, unpack(users)) end
  if #leases > 0 then redis.call('ZADD', flight, unpack(leases)) end
  return #leases / 2, earlier(tonumber(queue[2 * #users + 2]), later)
end

local function claim(w, suspended, limits, room)
  local due, flight, pace_key = prefix .. 'due:' .. w, prefix .. 'flight:' .. w, prefix .. 'pace:' .. w
  local pace, before = pace_of(pace_key), #claimed
  local granted = math.min(room, most,
    grants(now, pace.photo, pace.photo_hold, limits.photo[1], limits.photo[2]),
    grants(now, pace.profile, pace.profile_hold, limits.profile[1], limits.profile[2]))
  local busy, lost, landed = redis.call('ZCARD', flight), 0, 0
  if busy > 0 and granted > 0 then lost, landed = take_over(w, flight, granted, suspended) end
  local in_flight = busy - landed
  local free = math.max(0, math.min(granted - lost, cap - in_flight))
  local started, head = take_due(w, due, flight, free, suspended)
  local n = (#claimed - before) / 4
  if n > 0 then
    pace.photo = math.max(pace.photo, now) + n * limits.photo[1]
    pace.profile = math.max(pace.profile, now) + n * limits.profile[1]
    redis.call('HSET', pace_key, 'photo', string.format('%.0f', pace.photo), 'profile', string.format('%.0f', pace.profile))
  end
  local lease = started > 0 and tonumber(lease_end) or nil
  if busy > 0 then lease = tonumber(redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2]) end
  if in_flight + started >= cap then head = nil end
  score(ready, w, head, lease, photo_slot(pace, limits))
end

for _, w in ipairs(redis.call('ZRANGE', ready, '-inf', now, 'BYSCORE', 'LIMIT', 0, want)) do
  local room = want - #claimed / 4
  if room <= 0 then break end
  local record = redis.call('HMGET', prefix .. 'ws:' .. w, 's', 'su', 'lim')
  if record[1] then
    score(ready, w)
  else
    claim(w, record[2], limits_of(record[3], default), room)
  end
end
for _, row in ipairs(given_up) do
  for _, value in ipairs(row) do claimed[#claimed + 1] = value end
end
return claimed
