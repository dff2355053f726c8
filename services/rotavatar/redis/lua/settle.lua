#!lua
-- The operator has dealt with a change of a workspace, unless it changed again meanwhile.
-- KEYS[1] changed set    ARGV workspace, number of the change
-- Returns 1 where nothing is left to look at, else 0.
local number = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not number then return 1 end
if tonumber(number) ~= tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
