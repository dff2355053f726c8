#!lua
-- Remove a consumer that nobody runs any more, unless jobs are still pending on it.
-- KEYS[1] stream    ARGV group, consumer
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  if facts.name == ARGV[2] and facts.pending == 0 then
    return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) + 1
  end
end
return 0
