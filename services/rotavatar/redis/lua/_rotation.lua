-- include: gcra
-- What the claim and every change of a member's place have in common.
-- Fields of `pace:<workspace>`: <method> is a TAT, <method>! the end of a Retry-After.
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
  local p = redis.call('HMGET', key, 'photo', 'photo!', 'profile', 'profile!')
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

-- Score the workspace by the earliest time at which one of its members may rotate, or take it off the ready set.
-- `head` is the first due time that there is room for, `lease` the end of the first lease; nil where there is none.
local function score(ready, w, head, lease, slot)
  local earliest = earlier(head, lease)
  if not earliest then
    redis.call('ZREM', ready, w)
  else
    redis.call('ZADD', ready, string.format('%.0f', math.max(earliest, slot)), w)
  end
end

-- Who may go, as a flat list of names and due times (ms): who leaves and is due by `now`, then up to `n` of the others.
-- The second result is when the next one of those who leave is due.
local function queue_of(due, n, now, suspended)
  local queue = redis.call('ZRANGE', due, 0, n - 1, 'WITHSCORES')
  if not queue[2] or tonumber(queue[2]) >= 0 then return suspended and {} or queue end
  local leaving, later = redis.call('ZRANGE', due, '-inf', '(0', 'BYSCORE', 'LIMIT', 0, n, 'WITHSCORES'), nil
  queue = suspended and {} or redis.call('ZRANGE', due, 0, '+inf', 'BYSCORE', 'LIMIT', 0, n, 'WITHSCORES')
  for i = #leaving, 1, -2 do
    local time = tonumber(leaving[i]) + LEAVING
    if time > now then
      later = time
    else
      table.insert(queue, 1, string.format('%.0f', time))
      table.insert(queue, 1, leaving[i - 1])
    end
  end
  return queue, later
end

-- The same after looking for them. `status` is what Slack said of the workspace, `suspended` what its operator did.
local function rescore(ready, prefix, w, status, suspended, pace, limits, cap)
  if status then return score(ready, w) end
  local flight = prefix .. 'flight:' .. w
  local lease, head, later = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES'), {}, nil
  if redis.call('ZCARD', flight) < cap then head, later = queue_of(prefix .. 'due:' .. w, 1, -math.huge, suspended) end
  score(ready, w, earlier(tonumber(head[2]), later), tonumber(lease[2]), photo_slot(pace, limits))
end
