//! Examples for `runtime`: see the folder `examples`.
