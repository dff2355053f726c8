-- Tell the operator that a workspace changed. Each change of the partition has a number of its own, so who has dealt with
-- one never takes the mark of a later one away.
local function mark_changed(prefix, w)
  redis.call('ZADD', prefix .. 'changed', redis.call('INCR', prefix .. 'changes'), w)
end
