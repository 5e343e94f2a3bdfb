//! Front end 2: `.ipynb` files.
