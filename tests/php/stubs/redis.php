<?php

// What the runtime asks of MediaWiki's cache in Redis, and of the module that speaks to it.

class Redis
{
    const OPT_PREFIX = 2;
}

class RedisConnRef
{
    /** @param mixed $value */
    public function setOption(int $option, $value): bool
    {
        return true;
    }
}

class RedisBagOStuff
{
    /** @param array<string, mixed> $params */
    public function __construct($params)
    {
    }

    /**
     * @param string $key
     * @return RedisConnRef|null|false
     */
    protected function getConnection($key)
    {
        return null;
    }

    /**
     * @param string[] $keys
     * @return array{0: array<string, string[]>, 1: array<string, RedisConnRef>, 2: bool}
     */
    protected function getConnectionsForKeys(array $keys)
    {
        return [[], [], true];
    }
}
