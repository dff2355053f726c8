#!lua
-- Everything a decision about a member is made from, at one instant.
-- KEYS[1] workspace hash, KEYS[2] member hash, KEYS[3] due set, KEYS[4] in-flight set, KEYS[5] pace hash
-- ARGV    member
return {
  redis.call('HGETALL', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
  redis.call('ZSCORE', KEYS[3], ARGV[1]),
  redis.call('ZSCORE', KEYS[4], ARGV[1]),
  redis.call('HMGET', KEYS[5], 'photo!', 'profile!'),
}
