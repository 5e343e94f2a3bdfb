def square(n):
    return n * n


with ProcessPoolExecutor(max_workers=2) as pool:
    squares = list(pool.map(square, range(10), chunksize=4))
print(squares)
