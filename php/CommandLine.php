<?php

// What the command line says of the wiki. PHP 7.4.

namespace MwFarm;

/** The options of maintenance scripts, as far as they are about the wiki. */
final class CommandLine_RUNTIMEKEY
{
    /** The wiki in --wiki; for PHPUnit, which loads vendor/autoload.php before MediaWiki, in its variable. */
    public static function wiki(): ?string
    {
        $wiki = self::argument('--wiki') ?? $_SERVER['PHPUNIT_WIKI'] ?? getenv('PHPUNIT_WIKI');

        return is_string($wiki) && $wiki !== '' ? $wiki : null;
    }

    /**
     * Host and path of --server, a whole URL, which MediaWiki puts where web servers put a name.
     *
     * @return array{?string, ?string}|null
     */
    public static function server(): ?array
    {
        $url = self::argument('--server') ?? $_SERVER['SERVER_NAME'] ?? null;
        $parts = is_string($url) && strpos($url, '//') !== false ? parse_url($url) : null;

        return is_array($parts) ? [$parts['host'] ?? null, $parts['path'] ?? null] : null;
    }

    /** The value of an option on the command line. */
    private static function argument(string $option): ?string
    {
        $arguments = $_SERVER['argv'] ?? null;
        $arguments = is_array($arguments) ? array_values(array_filter($arguments, 'is_string')) : [];
        $index = array_search($option, $arguments, true);
        if ($index !== false) {
            return $arguments[$index + 1] ?? null;
        }
        $given = preg_grep('/\A' . $option . '=/', $arguments);

        return $given ? substr(reset($given), strlen($option) + 1) : null;
    }
}
