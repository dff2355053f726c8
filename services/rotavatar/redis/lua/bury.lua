#!lua
-- Move a job that nobody can do to the dead letters.
-- KEYS[1] stream, KEYS[2] dead letters    ARGV group, id, body, reason, attempts, time (ms)
redis.call('XADD', KEYS[2], '*', 'stream', KEYS[1], 'id', ARGV[2], 'j', ARGV[3], 'reason', ARGV[4], 'attempts', ARGV[5], 'at', ARGV[6])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 'OK'
