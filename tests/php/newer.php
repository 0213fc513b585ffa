<?php
// Parses PHP files as one version of PHP would read their tokens, and tells what in them that version does not have.
// php-parser's grammar takes newer syntax also where its lexer is told an older version, so newer nodes are named here.
//   php newer.php VERSION < files, one a line
// The parser is Debian's php-parser, series 4 or 5, in PHP_PARSER or where the package puts it.
// Prints JSON: { "problems": [ "file:line: what" ], "functions": { name: where }, "classes": {…}, "constants": {…} };
// the last three are the global names in use, for the PHP of that version to say whether it has them. A name that the
// same file asks for (`defined( 'T_ENUM' )`) is left out.

use PhpParser\Lexer\Emulative;
use PhpParser\Node;
use PhpParser\NodeFinder;
use PhpParser\NodeTraverser;
use PhpParser\NodeVisitor\NameResolver;
use PhpParser\NodeVisitorAbstract;
use PhpParser\ParserFactory;

error_reporting( E_ALL & ~E_DEPRECATED );
require ( getenv( 'PHP_PARSER' ) ?: '/usr/share/php/PhpParser' ) . '/autoload.php';

/** Collects what is newer than PHP 7.4, and the global names in use. */
final class Newer extends NodeVisitorAbstract {
	/** @var string[] */
	public $problems = [];
	/** @var array<string, array<string, string>> */
	public $names = [ 'functions' => [], 'classes' => [], 'constants' => [] ];
	/** @var array<string, string> What the present file asks for. */
	private $asked = [];
	/** @var array<string, array<string, string>> The global names in the present file. */
	private $own = [ 'functions' => [], 'classes' => [], 'constants' => [] ];
	/** @var array<string, array<string, true>> Classes and functions that the files declare. */
	public $declared = [ 'functions' => [], 'classes' => [], 'constants' => [] ];
	/** @var string */
	public $file = '';

	public function enterNode( Node $node ) {
		$what = $this->newer( $node );
		if ( $what !== null ) {
			$this->problems[] = $this->place( $node ) . ": $what";
		}
		if ( $node instanceof Node\Expr\FuncCall && $node->name instanceof Node\Name ) {
			$this->note( 'functions', $node->name );
			$asks = [ 'defined', 'function_exists', 'class_exists', 'interface_exists' ];
			$asked = $node->args[0]->value ?? null;
			if ( $asked instanceof Node\Scalar\String_ && in_array( $node->name->toString(), $asks, true ) ) {
				$this->asked[$asked->value] = $this->place( $node );
			}
		} elseif ( $node instanceof Node\Stmt\ClassLike && $node->name !== null ) {
			$this->declared['classes'][$node->namespacedName->toString()] = true;
		} elseif ( $node instanceof Node\Stmt\Function_ ) {
			// A call in its namespace has the short name.
			$this->declared['functions'][$node->name->toString()] = true;
		} elseif ( $node instanceof Node\Expr\ConstFetch ) {
			$this->note( 'constants', $node->name );
		} elseif ( $node instanceof Node\Name\FullyQualified && self::isGlobal( $node ) ) {
			// Names of functions and constants that are written with a leading backslash come here, too.
			$parent = $node->getAttribute( 'use' );
			if ( $parent === null ) {
				$this->own['classes'] += [ $node->toString() => $this->place( $node ) ];
			}
		}
		return null;
	}

	public function afterTraverse( array $nodes ) {
		foreach ( $this->own as $kind => $names ) {
			$this->names[$kind] += array_diff_key( $names, $this->asked );
			$this->own[$kind] = [];
		}
		$this->asked = [];
		return null;
	}

	private function note( string $kind, Node\Name $name ): void {
		$name->setAttribute( 'use', $kind );
		// Without a backslash the name in the namespace comes first, but nobody declares functions there.
		if ( self::isGlobal( $name ) ) {
			$this->own[$kind] += [ $name->toString() => $this->place( $name ) ];
		}
	}

	private static function isGlobal( Node\Name $name ): bool {
		return strpos( $name->toString(), '\\' ) === false;
	}

	private function place( Node $node ): string {
		return "$this->file:" . $node->getStartLine();
	}

	/** What of this node PHP 7.4 does not know. */
	private function newer( Node $node ): ?string {
		$kinds = [
			Node\Expr\Match_::class => 'match',
			Node\Expr\NullsafeMethodCall::class => '?->',
			Node\Expr\NullsafePropertyFetch::class => '?->',
			Node\Expr\Throw_::class => 'throw as an expression',
			Node\PropertyHook::class => 'a property hook',
			Node\UnionType::class => 'a union type',
			Node\IntersectionType::class => 'an intersection type',
			Node\Stmt\Enum_::class => 'an enum',
			Node\AttributeGroup::class => 'an attribute',
			Node\VariadicPlaceholder::class => 'a first-class callable',
		];
		$class = get_class( $node );
		if ( $node instanceof Node\Stmt\Expression && $node->expr instanceof Node\Expr\Throw_ ) {
			// Series 5 parses a statement as this.
			$node->expr->setAttribute( 'statement', true );
		}
		if ( isset( $kinds[$class] ) && !$node->hasAttribute( 'statement' ) ) {
			return $kinds[$class];
		}
		if ( $node instanceof Node\Arg && $node->name !== null ) {
			return 'a named argument';
		}
		if ( $node instanceof Node\Param && $node->flags !== 0 ) {
			return 'a promoted property';
		}
		if ( ( $node instanceof Node\Stmt\Property || $node instanceof Node\Stmt\Class_ ) && $node->isReadonly() ) {
			return 'readonly';
		}
		if ( $node instanceof Node\Stmt\ClassConst && ( $node->isFinal() || isset( $node->type ) ) ) {
			return 'a final or typed constant';
		}
		if ( $node instanceof Node\Stmt\Catch_ && $node->var === null ) {
			return 'catch without a variable';
		}
		if ( $node instanceof Node\Stmt\Trait_ && $node->getConstants() ) {
			return 'a constant in a trait';
		}
		if ( $node instanceof Node\Expr\ClassConstFetch && $node->class instanceof Node\Expr
			&& $node->name instanceof Node\Identifier && $node->name->toLowerString() === 'class'
		) {
			return '::class of an object';
		}
		foreach ( [ 'type', 'returnType' ] as $property ) {
			$type = $node->$property ?? null;
			$type = $type instanceof Node\NullableType ? $type->type : $type;
			if ( $type instanceof Node\Identifier || $type instanceof Node\Name ) {
				if ( in_array( $type->toLowerString(), [ 'mixed', 'never', 'static', 'false', 'true', 'null' ], true ) ) {
					return "the type $type";
				}
			}
		}
		$constant = $node instanceof Node\Param || $node instanceof Node\Stmt\StaticVar ? $node->default : null;
		if ( $constant !== null && ( new NodeFinder() )->findFirstInstanceOf( $constant, Node\Expr\New_::class ) ) {
			return 'new in an initialiser';
		}
		return null;
	}
}

$version = $argv[1];
$factory = new ParserFactory();
$parser = method_exists( $factory, 'createForVersion' )
	? $factory->createForVersion( PhpParser\PhpVersion::fromString( $version ) )
	: $factory->create( ParserFactory::ONLY_PHP7, new Emulative( [ 'phpVersion' => $version ] ) );
$newer = new Newer();
while ( ( $file = fgets( STDIN ) ) !== false ) {
	$newer->file = rtrim( $file, "\n" );
	$traverser = new NodeTraverser();
	$traverser->addVisitor( new NameResolver() );
	$traverser->addVisitor( $newer );
	try {
		$traverser->traverse( $parser->parse( file_get_contents( $newer->file ) ) );
	} catch ( PhpParser\Error $error ) {
		$newer->problems[] = "$newer->file:" . $error->getStartLine() . ': ' . $error->getRawMessage();
	}
}
foreach ( $newer->declared as $kind => $names ) {
	$newer->names[$kind] = array_diff_key( $newer->names[$kind], $names );
}
echo json_encode( [ 'problems' => $newer->problems ] + $newer->names, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR );
