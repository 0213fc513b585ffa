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

    /** @return mixed */
    public function multi()
    {
        return true;
    }

    /**
     * @param string $key
     * @param mixed $value
     * @param mixed $options
     * @return mixed
     */
    public function set($key, $value, $options = null)
    {
        return true;
    }

    /** @return mixed */
    public function incrBy(string $key, int $step)
    {
        return 0;
    }

    /** @return mixed */
    public function exec()
    {
        return [];
    }

    public function getServer(): string
    {
        return '';
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

    /** @param int $exptime */
    protected function getExpirationAsTTL($exptime): int
    {
        return 0;
    }

    protected function handleException(RedisConnRef $connection, RedisException $error): void
    {
    }

    /**
     * @param string $operation
     * @param string $keys
     * @param string $server
     * @param bool $error
     */
    protected function logRequest($operation, $keys, $server, $error): void
    {
    }
}
