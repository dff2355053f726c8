-- Grants of a GCRA (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). Times are milliseconds.
-- `tat` is the theoretical arrival time of the next call, `hold` the end of Slack's Retry-After.
local function next_slot(tat, hold, interval, burst)
  return math.max(tat - (burst - 1) * interval, hold)
end

local function grants(now, tat, hold, interval, burst)
  if now < hold then return 0 end
  return math.max(0, math.floor((now + (burst - 1) * interval - math.max(tat, now)) / interval) + 1)
end
