//! Do the locked versions satisfy everybody?.
