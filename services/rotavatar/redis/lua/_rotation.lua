-- include: gcra
-- What the claim and every change of a member's place have in common.
-- Fields of `pace:<workspace>`: <method> is a TAT, <method>! the end of a Retry-After.
local function limits_of(packed, default)
  local t = {}
  for number in string.gmatch(packed or default, '%d+') do t[#t + 1] = tonumber(number) end
  return { photo = { t[1], t[2] }, profile = { t[3], t[4] }, publish = { t[5], t[6] }, background = { t[7], t[8] } }
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
local function rescore(ready, prefix, w, status, pace, limits, cap)
  local due, flight = prefix .. 'due:' .. w, prefix .. 'flight:' .. w
  local earliest = math.huge
  if not status then
    if redis.call('ZCARD', flight) < cap then
      local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
      if head[2] then earliest = math.max(tonumber(head[2]), photo_slot(pace, limits)) end
    end
    local lease = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')
    if lease[2] then earliest = math.min(earliest, math.max(tonumber(lease[2]), photo_slot(pace, limits))) end
  end
  if earliest == math.huge then
    redis.call('ZREM', ready, w)
  else
    redis.call('ZADD', ready, string.format('%.0f', earliest), w)
  end
end
