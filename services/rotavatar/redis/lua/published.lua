#!lua
-- A publish is over: done ('') or wanted again at once ('again').
-- KEYS[1] publish-ready set
-- ARGV    prefix, workspace, member, now (ms), default limits, outcome, hash of the view ('' leaves it, '-' forgets it),
--         publishes of one workspace that may be under way, present month
-- Returns when (ms) the workspace's next tab may be published, '' for none.
-- include: publishing
-- include: usage
local ready, prefix, w, user, now, default, outcome, hash, cap =
  KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local member = prefix .. 'm:' .. w .. ':' .. user
redis.call('ZREM', prefix .. 'pubflight:' .. w, user)
if outcome == 'again' then redis.call('ZADD', prefix .. 'want:' .. w, 'LT', mark_of(prefix, w, user, now), user) end
if hash == '-' then
  redis.call('HDEL', member, 'vh')
elseif hash ~= '' and redis.call('EXISTS', member) == 1 then
  redis.call('HSET', member, 'vh', hash)
end
local record = redis.call('HMGET', prefix .. 'ws:' .. w, 'lim', 'v')
-- Slack names a hash for what it shows; of a workspace that was purged meanwhile nothing is counted.
if hash ~= '' and hash ~= '-' and record[2] then count_use(prefix, w, ARGV[9], 'p') end
local limits = limits_of(record[1], default)
local earliest = rescore(ready, prefix, w, pace_of(prefix .. 'pace:' .. w), limits, cap)
return earliest == math.huge and '' or string.format('%.0f', earliest)
