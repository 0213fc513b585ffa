<?php

// For PHP files of the farm's configuration: what they find in $wgMediaWikiFarm. PHP 7.4.

namespace MwFarm;

/** The farm's variables for this wiki, by the methods that MediaWikiFarm's object has for them. */
final class Variables
{
    /** @var array<string, string> By names with their dollar sign: `$WIKIID`, and `$lang` of the group in `server`. */
    private $variables;

    /** @param array<string, string> $variables */
    public function __construct(array $variables)
    {
        $this->variables = $variables;
    }

    /** @return array<string, string> */
    public function getVariables(): array
    {
        return $this->variables;
    }

    /**
     * @param mixed $default
     * @return mixed
     */
    public function getVariable(string $name, $default = null)
    {
        return $this->variables[$name] ?? $default;
    }
}
