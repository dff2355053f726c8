#!lua
-- Claim members whose rotation may start now, of as many workspaces as it takes, in the order of their readiness.
-- KEYS[1] ready set
-- ARGV    prefix, now (ms), members wanted, end of the leases (ms), in-flight cap, default limits, most per workspace
-- Returns a flat list: workspace, member, fence, due time (ms; '' for one that is taken over), the time (ms) for which
-- the workspace stood in the ready set, workspace, member ...; who was given up is there too, with 0 for a fence: nothing
-- is claimed for them.
-- Each command costs a microsecond or two, so nothing is read twice: this is what bounds rotations in Redis.
-- include: rotation
local ready, prefix, now, want, lease_end, cap, default, most =
  KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local member_at, ws_at, due_at = prefix .. 'm:', prefix .. 'ws:', prefix .. 'due:'
local flight_at, pace_at = prefix .. 'flight:', prefix .. 'pace:'
local claimed, given_up, scored, unready, since = {}, {}, {}, {}, ''

-- Leases of one member in a row whose worker died ('lo'). The first is taken over at once: processes are restarted. Then
-- the member waits, and each for a time of their own, so that who kills their worker does not meet those again who were
-- in its hands by chance. After the fifth they are given up for six hours.
local WAIT, GIVEN_UP, REST = 60000, 5, 6 * 3600 * 1000

local function member_key(w, user) return member_at .. w .. ':' .. user end

-- Counts the attempt and sets the fence.
local function take(w, user, key, due, version, attempt)
  local fence = tonumber(version) + 1
  call('HSET', key, 'v', fence, 'f', fence, 'a', tonumber(attempt or 0) + 1)
  local n = #claimed
  claimed[n + 1], claimed[n + 2], claimed[n + 3], claimed[n + 4], claimed[n + 5] = w, user, fence, due, since
end

-- How long (ms) a member waits who lost `losses` leases in a row.
local function wait_after(user, losses)
  if losses >= GIVEN_UP then return REST end
  if losses == 1 then return 0 end
  local spread = tonumber(string.sub(redis.sha1hex(user .. losses), 1, 8), 16) / 2 ^ 32
  return math.floor(WAIT * 2 ^ (losses - 2) * (0.5 + spread))
end

-- A lease that ran out and is not taken over: its member is due after `wait`.
local function put_back(w, user, key, leaving, wait)
  call('HINCRBY', key, 'v', 1)
  call('ZADD', due_at .. w, now + wait - (leaving and LEAVING or 0), user)
end

-- Leases that ran out are taken over first, each under a grant of its own; in a suspended workspace those who do not
-- leave wait. Returns how many were lost, and how many of them are no longer in flight.
local function take_over(w, flight, granted, suspended)
  local landed, lost = 0, call('ZRANGE', flight, '-inf', now, 'BYSCORE', 'LIMIT', 0, granted)
  for _, user in ipairs(lost) do
    local key = member_key(w, user)
    local m = call('HMGET', key, 'v', 'a', 'w', 'lo')
    local losses, leaving = tonumber(m[4] or 0) + 1, leaves(m[3])
    local wait = wait_after(user, losses)
    if m[1] then call('HSET', key, 'lo', losses) end
    if m[1] and wait == 0 and (leaving or not suspended) then
      take(w, user, key, '', m[1], m[2])
      call('ZADD', flight, lease_end, user)
    else
      if m[1] then put_back(w, user, key, leaving, wait) end
      if m[1] and losses >= GIVEN_UP then table.insert(given_up, { w, user, 0, '', '' }) end
      call('ZREM', flight, user)
      landed = landed + 1
    end
  end
  return #lost, landed
end

-- Up to `free` members that are due. Returns how many came into flight, and when the next one is due.
local function take_due(w, due, flight, free, suspended)
  local users, leases = {}, {}
  local queue, later, first = queue_of(due, free + 1, now, suspended)
  for i = 1, #queue, 2 do
    local user = queue[i]
    if #users == free or tonumber(queue[i + 1]) > now then break end
    users[#users + 1] = user
    local key = member_key(w, user)
    local m = call('HMGET', key, 'v', 'a')
    if m[1] then
      take(w, user, key, queue[i + 1], m[1], m[2])
      leases[#leases + 1], leases[#leases + 2] = lease_end, user
    end
  end
  if #users > 0 and first then
    call('ZREMRANGEBYRANK', due, 0, #users - 1) -- touches no member but these: by name, the set is searched
  elseif #users > 0 then
    call('ZREM', due, unpack(users))
  end
  if #leases > 0 then call('ZADD', flight, unpack(leases)) end
  return #leases / 2, earlier(tonumber(queue[2 * #users + 2]), later)
end

local function claim(w, suspended, limits, room)
  local due, flight, pace_key = due_at .. w, flight_at .. w, pace_at .. w
  local pace, before = pace_of(pace_key), #claimed
  local granted = math.min(room, most,
    grants(now, pace.photo, pace.photo_hold, limits.photo[1], limits.photo[2]),
    grants(now, pace.profile, pace.profile_hold, limits.profile[1], limits.profile[2]))
  local busy, lost, landed = call('ZCARD', flight), 0, 0
  if busy > 0 and granted > 0 then lost, landed = take_over(w, flight, granted, suspended) end
  local in_flight = busy - landed
  local free = math.max(0, math.min(granted - lost, cap - in_flight))
  local started, head = take_due(w, due, flight, free, suspended)
  local n = (#claimed - before) / 5
  if n > 0 then
    pace.photo = math.max(pace.photo, now) + n * limits.photo[1]
    pace.profile = math.max(pace.profile, now) + n * limits.profile[1]
    call('HSET', pace_key, 'photo', pace.photo, 'profile', pace.profile)
  end
  local lease = started > 0 and tonumber(lease_end) or nil
  if busy > 0 then lease = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2]) end
  if in_flight + started >= cap then head = nil end
  local time = readiness(head, lease, photo_slot(pace, limits))
  if time then
    scored[#scored + 1], scored[#scored + 2] = time, w
  else
    unready[#unready + 1] = w
  end
end

local queue = call('ZRANGE', ready, '-inf', now, 'BYSCORE', 'LIMIT', 0, want, 'WITHSCORES')
for i = 1, #queue, 2 do
  local w, room = queue[i], want - #claimed / 5
  since = queue[i + 1]
  if room <= 0 then break end
  local record = call('HMGET', ws_at .. w, 's', 'su', 'lim')
  if record[1] then
    unready[#unready + 1] = w
  else
    claim(w, record[2], limits_of(record[3], default), room)
  end
end
if #scored > 0 then call('ZADD', ready, unpack(scored)) end
if #unready > 0 then call('ZREM', ready, unpack(unready)) end
for _, row in ipairs(given_up) do
  for _, value in ipairs(row) do claimed[#claimed + 1] = value end
end
return claimed
