queue = multiprocessing.Queue()


def put_squares(squares):
    for n in range(1, 5):
        squares.put(n * n)


child = multiprocessing.Process(target=put_squares, args=(queue,))
child.start()
print(sum(queue.get() for _ in range(4)))
child.join()
print(queue.empty())
