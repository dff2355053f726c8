#!lua
-- Hold an office that one process at a time has: whether it is ours.
-- KEYS[1] lease    ARGV name of the process, length of the lease (ms)
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
