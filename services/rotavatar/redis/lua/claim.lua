#!lua
-- Claim members whose rotation may start now, of as many workspaces as it takes, in the order of their readiness.
-- KEYS[1] ready set
-- ARGV    prefix, now (ms), members wanted, end of the leases (ms), in-flight cap, default limits, most per workspace
-- Returns a flat list: workspace, member, fence, due time (ms; '' for one that is taken over), workspace, member ...
-- Each command costs a microsecond or two, so nothing is read twice: this is what bounds rotations in Redis.
-- include: rotation
local ready, prefix, now, want, lease_end, cap, default, most =
  KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local claimed = {}

-- Counts the attempt and sets the fence; false where the member is no more.
local function take(w, user, due)
  local key = prefix .. 'm:' .. w .. ':' .. user
  local m = redis.call('HMGET', key, 'v', 'a')
  if not m[1] then return false end
  local fence = string.format('%.0f', tonumber(m[1]) + 1)
  redis.call('HSET', key, 'v', fence, 'f', fence, 'a', tonumber(m[2] or 0) + 1)
  local n = #claimed
  claimed[n + 1], claimed[n + 2], claimed[n + 3], claimed[n + 4] = w, user, fence, due
  return true
end

-- Leases that ran out are taken over first, each under a grant of its own. Returns how many were lost, and how many of
-- them were members no more.
local function take_over(w, flight, granted)
  local gone, lost = 0, redis.call('ZRANGE', flight, '-inf', now, 'BYSCORE', 'LIMIT', 0, granted)
  for _, user in ipairs(lost) do
    if take(w, user, '') then
      redis.call('ZADD', flight, lease_end, user)
    else
      redis.call('ZREM', flight, user)
      gone = gone + 1
    end
  end
  return #lost, gone
end

-- Up to `free` members that are due. Returns how many came into flight, and when the next one is due.
local function take_due(w, due, flight, free)
  local users, leases = {}, {}
  local heads = redis.call('ZRANGE', due, 0, free, 'WITHSCORES')
  for i = 1, #heads, 2 do
    if #users == free or tonumber(heads[i + 1]) > now then break end
    users[#users + 1] = heads[i]
    if take(w, heads[i], heads[i + 1]) then leases[#leases + 1], leases[#leases + 2] = lease_end, heads[i] end
  end
  if #users > 0 then redis.call('ZREM', due, unpack(users)) end
  if #leases > 0 then redis.call('ZADD', flight, unpack(leases)) end
  return #leases / 2, tonumber(heads[2 * #users + 2])
end

local function claim(w, limits, room)
  local due, flight, pace_key = prefix .. 'due:' .. w, prefix .. 'flight:' .. w, prefix .. 'pace:' .. w
  local pace, before = pace_of(pace_key), #claimed
  local granted = math.min(room, most,
    grants(now, pace.photo, pace.photo_hold, limits.photo[1], limits.photo[2]),
    grants(now, pace.profile, pace.profile_hold, limits.profile[1], limits.profile[2]))
  local busy, lost, gone = redis.call('ZCARD', flight), 0, 0
  if busy > 0 and granted > 0 then lost, gone = take_over(w, flight, granted) end
  local in_flight = busy - gone
  local started, head = take_due(w, due, flight, math.max(0, math.min(granted - lost, cap - in_flight)))
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
  if record[1] or record[2] then
    score(ready, w)
  else
    claim(w, limits_of(record[3], default), room)
  end
end
return claimed
