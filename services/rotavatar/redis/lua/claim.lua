#!lua
-- Claim members whose rotation may start now, of as many workspaces as it takes, in the order of their readiness.
-- KEYS[1] ready set
-- ARGV    prefix, now (ms), members wanted, end of the leases (ms), in-flight cap, default limits, most per workspace
-- Returns a flat list: workspace, member, fence, workspace, member, fence ...
-- include: rotation
local ready, prefix, now, want, lease_end, cap, default, most =
  KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local claimed = {}

local function take(w, user, flight)
  local key = prefix .. 'm:' .. w .. ':' .. user
  local m = redis.call('HMGET', key, 'v', 'a')
  if not m[1] then
    redis.call('ZREM', flight, user)
    return
  end
  local fence = string.format('%.0f', tonumber(m[1]) + 1)
  redis.call('HSET', key, 'v', fence, 'f', fence, 'a', tonumber(m[2] or 0) + 1)
  redis.call('ZADD', flight, lease_end, user)
  local n = #claimed
  claimed[n + 1], claimed[n + 2], claimed[n + 3] = w, user, fence
end

for _, w in ipairs(redis.call('ZRANGE', ready, '-inf', now, 'BYSCORE', 'LIMIT', 0, want)) do
  local room = want - #claimed / 3
  if room <= 0 then break end
  local record = redis.call('HMGET', prefix .. 'ws:' .. w, 's', 'lim')
  local limits = limits_of(record[2], default)
  local due, flight, pace_key = prefix .. 'due:' .. w, prefix .. 'flight:' .. w, prefix .. 'pace:' .. w
  local pace = pace_of(pace_key)
  if not record[1] then
    local before = #claimed
    local granted = math.min(room, most,
      grants(now, pace.photo, pace.photo_hold, limits.photo[1], limits.photo[2]),
      grants(now, pace.profile, pace.profile_hold, limits.profile[1], limits.profile[2]))
    -- A lease that ran out is taken over first, under a grant of its own.
    local lost = granted > 0 and redis.call('ZRANGE', flight, '-inf', now, 'BYSCORE', 'LIMIT', 0, granted) or {}
    for _, user in ipairs(lost) do take(w, user, flight) end
    local free = math.min(granted - #lost, cap - redis.call('ZCARD', flight))
    if free > 0 then
      local users = redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, free)
      for _, user in ipairs(users) do take(w, user, flight) end
      if #users > 0 then redis.call('ZREM', due, unpack(users)) end
    end
    local n = (#claimed - before) / 3
    if n > 0 then
      pace.photo = math.max(pace.photo, now) + n * limits.photo[1]
      pace.profile = math.max(pace.profile, now) + n * limits.profile[1]
      redis.call('HSET', pace_key, 'photo', string.format('%.0f', pace.photo), 'profile', string.format('%.0f', pace.profile))
    end
  end
  rescore(ready, prefix, w, record[1], pace, limits, cap)
end
return claimed
