<?php
/*
 * The cache of one wiki of many in one Redis. Written by mwfarm.
 */

if (!class_exists('RedisBagOStuff')) {
    // The name that MediaWiki 1.43 gave it.
    class_alias('Wikimedia\ObjectCache\RedisBagOStuff', 'RedisBagOStuff');
}

/**
 * Puts the wiki's prefix before every key. MediaWiki has keys without any wiki's name in them, and its wide-area cache
 * puts words of its own before the prefix; Redis lets a wiki's user only have keys that begin with its prefix.
 */
class FarmRedisBagOStuff extends RedisBagOStuff
{
    /** @var string */
    private $farmPrefix;

    /**
     * Besides those of RedisBagOStuff: `farmSecrets` is the path of the file with user, password and prefix, which thus
     * are in no setting.
     *
     * @param array<string, mixed> $params
     */
    public function __construct($params)
    {
        $redis = (require $params['farmSecrets'])['redis'];
        $params['password'] = [$redis['user'], $redis['password']];
        $this->farmPrefix = $redis['prefix'];
        parent::__construct($params);
    }

    /**
     * Where connections for one key come from; in 1.39, all of them.
     *
     * @param string $key
     * @return RedisConnRef|null|false
     */
    protected function getConnection($key)
    {
        $connection = parent::getConnection($key);
        if ($connection) {
            $this->prefix($connection);
        }
        return $connection;
    }

    /**
     * Where connections for several keys come from since 1.40; those for one key, too.
     *
     * @param string[] $keys
     * @return array{0: array<string, string[]>, 1: array<string, RedisConnRef>, 2: bool}
     */
    protected function getConnectionsForKeys(array $keys)
    {
        $found = parent::getConnectionsForKeys($keys);
        array_map([$this, 'prefix'], $found[1]);
        return $found;
    }

    /**
     * Adds to a number, or begins it: what limits of rates count with. MediaWiki since 1.40 has Redis run a script for it,
     * which no wiki may, since one that does not end stops Redis for all; without this, nobody would be limited.
     *
     * @param string $key
     * @param int $exptime
     * @param int $step
     * @param int $init
     * @param int $flags
     * @return int|false
     */
    protected function doIncrWithInit($key, $exptime, $step, $init, $flags)
    {
        $connection = $this->getConnection($key);
        if (!$connection) {
            return false;
        }
        $seconds = $this->getExpirationAsTTL($exptime);
        try {
            $connection->multi();
            $connection->set($key, (string)($init - $step), $seconds > 0 ? ['nx', 'ex' => $seconds] : ['nx']);
            $connection->incrBy($key, $step);
            $answers = $connection->exec();
            $value = is_array($answers) && is_int($answers[1] ?? null) ? $answers[1] : false;
        } catch (RedisException $error) {
            $value = false;
            $this->handleException($connection, $error);
        }
        $this->logRequest('incrWithInit', $key, $connection->getServer(), $value === false);
        return $value;
    }

    /**
     * @param RedisConnRef $connection
     */
    private function prefix($connection): void
    {
        $connection->setOption(Redis::OPT_PREFIX, $this->farmPrefix);
    }
}
