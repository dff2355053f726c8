#!lua
-- Take the chores whose next step is due, each under a lease: who dies leaves them to somebody else.
-- KEYS[1] chores    ARGV now (ms), end of the leases (ms), most
local taken = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, chore in ipairs(taken) do redis.call('ZADD', KEYS[1], ARGV[2], chore) end
return taken
