"""The way to Redis: one batching connection per server, scripts by name, the same code on one server or a cluster."""

from rotavatar.redis.access import RedisAccess
from rotavatar.redis.pipe import Pipe, Reply
from rotavatar.redis.topology import Redis

__all__ = ["Pipe", "Redis", "RedisAccess", "Reply"]
