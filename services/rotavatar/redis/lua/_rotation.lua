-- include: gcra
-- What the claim and every change of a member's place have in common.
-- Fields of `pace:<workspace>`: <method> is a TAT, <method>! the end of a Retry-After.
-- Numbers go to commands as they are: whole ones are written in full, and faster than by string.format.
local call = redis.call
local parsed = {}

-- In the due set who leaves is scored below everybody else, by LEAVING ms: they go first, and while a workspace is
-- suspended they are the only ones who go.
local LEAVING = 1e14

local function leaves(wish) return wish == 'leave' or wish == 'forget' end

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
  local p = call('HMGET', key, 'photo', 'photo!', 'profile', 'profile!')
  return { photo = tonumber(p[1] or 0), photo_hold = tonumber(p[2] or 0),
           profile = tonumber(p[3] or 0), profile_hold = tonumber(p[4] or 0) }
end

local function photo_slot(pace, limits)
  return math.max(next_slot(pace.photo, pace.photo_hold, limits.photo[1], limits.photo[2]),
                  next_slot(pace.profile, pace.profile_hold, limits.profile[1], limits.profile[2]))
end

-- The earlier of two times, either of which may be nil.
local function earlier(a, b)
  if a and b then return math.min(a, b) end
  return a or b
end

-- The earliest time at which a member of the workspace may rotate, nil for never. `head` is the first due time that
-- there is room for, `lease` the end of the first lease; nil where there is none.
local function readiness(head, lease, slot)
  local earliest = earlier(head, lease)
  return earliest and math.max(earliest, slot)
end

-- Who may go, as a flat list of names and due times (ms): who leaves and is due by `now`, then up to `n` of the others.
-- The second result is when the next one of those who leave is due, the third whether these are the first of the set.
local function queue_of(due, n, now, suspended)
  local queue = call('ZRANGE', due, 0, n - 1, 'WITHSCORES')
  if not queue[2] or tonumber(queue[2]) >= 0 then return suspended and {} or queue, nil, not suspended end
  local leaving, later = call('ZRANGE', due, '-inf', '(0', 'BYSCORE', 'LIMIT', 0, n, 'WITHSCORES'), nil
  queue = suspended and {} or call('ZRANGE', due, 0, '+inf', 'BYSCORE', 'LIMIT', 0, n, 'WITHSCORES')
  for i = #leaving, 1, -2 do
    local time = tonumber(leaving[i]) + LEAVING
    if time > now then
      later = time
    else
      table.insert(queue, 1, string.format('%.0f', time))
      table.insert(queue, 1, leaving[i - 1])
    end
  end
  return queue, later, false
end

-- Score the workspace by that time, or take it off the ready set. `status` is what Slack said of the workspace, `suspended` what its operator did.
local function rescore(ready, prefix, w, status, suspended, pace, limits, cap)
  if status then return call('ZREM', ready, w) end
  local flight = prefix .. 'flight:' .. w
  local lease, head, later = call('ZRANGE', flight, 0, 0, 'WITHSCORES'), {}, nil
  if call('ZCARD', flight) < cap then head, later = queue_of(prefix .. 'due:' .. w, 1, -math.huge, suspended) end
  local time = readiness(earlier(tonumber(head[2]), later), tonumber(lease[2]), photo_slot(pace, limits))
  if time then call('ZADD', ready, time, w) else call('ZREM', ready, w) end
end
