//! What methods of std do with the elements of their receiver.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Goes over all elements.
    Consumes,
    /// Sorts the elements.
    Sorts,
    /// Makes an iterator, and does its work for each element only when that is consumed.
    Adapts,
    /// At most as many elements as the argument says.
    Takes,
    /// As many times the elements as the argument says.
    Repeats,
    /// Endless.
    Cycles,
    /// The elements of the receiver and of the argument.
    Chains,
    /// For each element those that the closure makes.
    FlatMaps,
    /// Adds to the receiver.
    Grows,
    /// The number of elements.
    Counts,
    /// A number that can be much larger.
    Powers,
    /// A number that the text does not tell.
    Reads,
    /// Nothing of these: a result no larger than receiver and arguments, in constant time.
    Other,
}

pub(super) fn role(name: &str) -> Role {
    match name {
        "sum"
        | "product"
        | "count"
        | "collect"
        | "fold"
        | "for_each"
        | "max"
        | "min"
        | "max_by"
        | "max_by_key"
        | "min_by"
        | "min_by_key"
        | "any"
        | "all"
        | "find"
        | "find_map"
        | "position"
        | "rposition"
        | "last"
        | "nth"
        | "partition"
        | "unzip"
        | "try_fold"
        | "try_for_each"
        | "reduce"
        | "join"
        | "concat"
        | "dedup"
        | "dedup_by_key"
        | "retain"
        | "contains"
        | "replace"
        | "fill"
        | "reverse"
        | "is_sorted"
        | "binary_search_by"
        | "select_nth_unstable"
        | "to_vec"
        | "matches"
        | "rfind"
        | "permutations"
        | "combinations"
        | "sorted"
        | "copy_from_slice" => Role::Consumes,
        "sort"
        | "sort_by"
        | "sort_by_key"
        | "sort_unstable"
        | "sort_unstable_by"
        | "sort_unstable_by_key"
        | "sort_by_cached_key" => Role::Sorts,
        "map" | "filter" | "filter_map" | "enumerate" | "zip" | "rev" | "skip" | "take_while" | "skip_while"
        | "map_while" | "scan" | "inspect" | "iter" | "iter_mut" | "into_iter" | "chars" | "bytes" | "lines"
        | "split" | "cloned" | "copied" | "par_iter" | "into_par_iter" | "flatten" | "and_then" | "windows"
        | "chunks" => Role::Adapts,
        "take" | "truncate" => Role::Takes,
        "repeat" => Role::Repeats,
        "cycle" => Role::Cycles,
        "chain" => Role::Chains,
        "flat_map" => Role::FlatMaps,
        "push" | "push_str" | "push_back" | "push_front" | "insert" | "extend" | "append" | "resize"
        | "extend_from_slice" => Role::Grows,
        "len" => Role::Counts,
        "pow" | "powi" | "powf" | "exp" | "shl" => Role::Powers,
        "parse" | "get_usize" | "gen_range" | "random_range" => Role::Reads,
        _ => Role::Other,
    }
}

/// Whether a loop that calls this at each turn spends its time outside of its own code.
pub(super) fn waits(name: &str) -> bool {
    matches!(
        name,
        "print"
            | "println"
            | "eprint"
            | "eprintln"
            | "dbg"
            | "write"
            | "writeln"
            | "sleep"
            | "spawn"
            | "start"
            | "join"
            | "recv"
            | "recv_timeout"
            | "wait"
            | "acquire"
            | "submit"
            | "read_line"
            | "result"
            | "accept"
            | "park"
            | "yield_now"
            | "input"
            | "status"
            | "output"
            | "wait_timeout"
            | "wait_while"
    )
}

/// Whether a function without arguments returns something empty.
pub(super) fn makes_empty(name: &str) -> bool {
    matches!(
        name,
        "new" | "default" | "channel" | "now" | "current" | "stdin" | "stdout" | "sync_channel" | "scope" | "id"
    )
}
