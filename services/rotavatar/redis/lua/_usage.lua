-- Count one use of a workspace (`r` a rotation, `p` a publish) in a month (YYYY-MM, UTC). The month before is kept.
-- A process whose clock is behind counts in the month that has begun.
local function count_use(prefix, w, month, field)
  local key = prefix .. 'use:' .. w
  local known = redis.call('HGET', key, 'm')
  if not known or known < month then
    local was = redis.call('HMGET', key, 'r', 'p')
    redis.call('DEL', key)
    redis.call('HSET', key, 'm', month)
    if known then redis.call('HSET', key, 'lm', known, 'lr', was[1] or 0, 'lp', was[2] or 0) end
  end
  redis.call('HINCRBY', key, field, 1)
end
