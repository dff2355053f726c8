#!lua
-- Take finished jobs off a stream: acked first, then deleted, so that the group's lag stays known.
-- KEYS[1] stream    ARGV group, ids ...
for i = 2, #ARGV, 1000 do
  local last = math.min(i + 999, #ARGV)
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, i, last))
  redis.call('XDEL', KEYS[1], unpack(ARGV, i, last))
end
return 'OK'
