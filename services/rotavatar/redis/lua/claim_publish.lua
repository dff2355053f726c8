#!lua
-- Claim Home tabs that may be published now: those who are looking first, workspaces in turn.
-- KEYS[1] publish-ready set
-- ARGV    prefix, now (ms), tabs wanted, end of the leases (ms), default limits, most per workspace,
--         publishes of one workspace that may be under way
-- Returns a flat list: workspace, member, time of the first mark (ms), 1 for who is looking (else 0), workspace, member ...
-- include: publishing
local ready, prefix, now, want, lease_end, default, most, cap =
  KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local claimed = {}

local function claim(w)
  local limits = limits_of(redis.call('HGET', prefix .. 'ws:' .. w, 'lim'), default)
  local wanted, flight, pace_key = prefix .. 'want:' .. w, prefix .. 'pubflight:' .. w, prefix .. 'pace:' .. w
  local pace = pace_of(pace_key)
  -- A lease that ran out wants its publish again.
  for _, user in ipairs(redis.call('ZRANGE', flight, '-inf', now, 'BYSCORE', 'LIMIT', 0, most)) do
    redis.call('ZADD', wanted, 'LT', mark_of(prefix, w, user, now), user)
    redis.call('ZREM', flight, user)
  end
  local under_way = redis.call('ZCARD', flight)
  local granted = math.min(want - #claimed / 4, most, cap - under_way,
    grants(now, pace.publish, pace.hold, limits.publish[1], limits.publish[2]))
  local background = grants(now, pace.background, 0, limits.background[1], limits.background[2])
  local taken, quiet = 0, 0
  -- Members whose publish is under way keep their mark until it is done, so more are read than granted.
  local heads = granted > 0 and redis.call('ZRANGE', wanted, 0, granted + under_way - 1, 'WITHSCORES') or {}
  for i = 1, #heads, 2 do
    local user, marked = heads[i], tonumber(heads[i + 1])
    local is_quiet = marked > 0
    if taken == granted or (is_quiet and quiet == background) then break end
    if not redis.call('ZSCORE', flight, user) then
      redis.call('ZREM', wanted, user)
      redis.call('ZADD', flight, lease_end, user)
      taken = taken + 1
      if is_quiet then quiet = quiet + 1 else marked = marked + LOOKING end
      if marked > LATER then marked = marked - LATER end
      local n = #claimed
      claimed[n + 1], claimed[n + 2], claimed[n + 3], claimed[n + 4] = w, user, string.format('%.0f', marked), is_quiet and 0 or 1
    end
  end
  if taken > 0 then
    pace.publish = math.max(pace.publish, now) + taken * limits.publish[1]
    redis.call('HSET', pace_key, 'publish', string.format('%.0f', pace.publish))
  end
  if quiet > 0 then
    pace.background = math.max(pace.background, now) + quiet * limits.background[1]
    redis.call('HSET', pace_key, 'background', string.format('%.0f', pace.background))
  end
  rescore(ready, prefix, w, pace, limits, cap)
end

for _, w in ipairs(redis.call('ZRANGE', ready, '-inf', now, 'BYSCORE', 'LIMIT', 0, want)) do
  if #claimed / 4 >= want then break end
  if redis.call('EXISTS', prefix .. 'ws:' .. w) == 1 then
    claim(w)
  else
    -- A workspace that is purged, or that we never knew, has no tabs: nothing of it stays.
    redis.call('DEL', prefix .. 'want:' .. w, prefix .. 'pubflight:' .. w, prefix .. 'looking:' .. w)
    redis.call('ZREM', ready, w)
  end
end
return claimed
