-- include: gcra
-- What the claim and every change of a member's place have in common.
-- Fields of `pace:<workspace>`: <method> is a TAT, <method>! the end of a Retry-After.
local parsed = {}

local function limits_of(packed, default)
  local text = packed or default
  -- Most workspaces have the same limits, and a claim looks at hundreds of them.
  if parsed[text] then return parsed[text] end
  local t = {}
  for number in string.gmatch(text, '%d+') do t[#t + 1] = tonumber(number) end
  parsed[text] = { photo = { t[1], t[2] }, profile = { t[3], t[4] }, publish = { t[5], t[6] }, background = { t[7], t[8] } }
  return parsed[text]
end

local function pace_of(key)
  local p = redis.call('HMGET', key, 'photo', 'photo!', 'profile', 'profile!')
  return { photo = tonumber(p[1] or 0), photo_hold = tonumber(p[2] or 0),
           profile = tonumber(p[3] or 0), profile_hold = tonumber(p[4] or 0) }
end

local function photo_slot(pace, limits)
  return math.max(next_slot(pace.photo, pace.photo_hold, limits.photo[1], limits.photo[2]),
                  next_slot(pace.profile, pace.profile_hold, limits.profile[1], limits.profile[2]))
end

-- Score the workspace by the earliest time at which one of its members may rotate, or take it off the ready set.
-- `head` is the first due time that there is room for, `lease` the end of the first lease; nil where there is none.
local function score(ready, w, head, lease, slot)
  local earliest = math.min(head or math.huge, lease or math.huge)
  if earliest == math.huge then
    redis.call('ZREM', ready, w)
  else
    redis.call('ZADD', ready, string.format('%.0f', math.max(earliest, slot)), w)
  end
end

-- The same after looking for them. `rests` is its status or suspension: while there is one nothing rotates.
local function rescore(ready, prefix, w, rests, pace, limits, cap)
  if rests then return score(ready, w) end
  local due, flight = prefix .. 'due:' .. w, prefix .. 'flight:' .. w
  local room = redis.call('ZCARD', flight) < cap
  local head = room and redis.call('ZRANGE', due, 0, 0, 'WITHSCORES') or {}
  local lease = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')
  score(ready, w, tonumber(head[2]), tonumber(lease[2]), photo_slot(pace, limits))
end
