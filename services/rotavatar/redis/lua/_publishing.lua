-- include: gcra
-- A member who is looking is scored below everybody who is not, by LOOKING ms.
local LOOKING = 1e14
-- What can wait until nobody else does is scored above everybody, by LATER ms.
local LATER = 1e13

local function mark_of(prefix, w, user, now, later)
  local looks = tonumber(redis.call('ZSCORE', prefix .. 'looking:' .. w, user) or 0) > now
  return string.format('%.0f', looks and now - LOOKING or later and now + LATER or now)
end

local function limits_of(packed, default)
  local t = {}
  for number in string.gmatch(packed or default, '%d+') do t[#t + 1] = tonumber(number) end
  return { publish = { t[5], t[6] }, background = { t[7], t[8] } }
end

local function pace_of(key)
  local p = redis.call('HMGET', key, 'publish', 'publish!', 'background')
  return { publish = tonumber(p[1] or 0), hold = tonumber(p[2] or 0), background = tonumber(p[3] or 0) }
end

-- Score the workspace by the earliest time at which one of its Home tabs may be published; `cap` of them may be under
-- way. Returns that time, math.huge for never.
local function rescore(ready, prefix, w, pace, limits, cap)
  local wanted, flight = prefix .. 'want:' .. w, prefix .. 'pubflight:' .. w
  local lease = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')
  local earliest = math.huge
  -- The first mark of a member whose publish is not under way: the others wait for its end.
  local busy = redis.call('ZCARD', flight)
  local marks = busy < cap and redis.call('ZRANGE', wanted, 0, busy, 'WITHSCORES') or {}
  for i = 1, #marks, 2 do
    if not redis.call('ZSCORE', flight, marks[i]) then
      earliest = next_slot(pace.publish, pace.hold, limits.publish[1], limits.publish[2])
      if tonumber(marks[i + 1]) > 0 then
        earliest = math.max(earliest, next_slot(pace.background, 0, limits.background[1], limits.background[2]))
      end
      break
    end
  end
  if lease[2] then earliest = math.min(earliest, tonumber(lease[2])) end
  if earliest == math.huge then
    redis.call('ZREM', ready, w)
  else
    redis.call('ZADD', ready, string.format('%.0f', earliest), w)
  end
  return earliest
end
