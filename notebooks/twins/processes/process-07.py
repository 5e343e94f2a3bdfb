class Countdown(multiprocessing.Process):
    def __init__(self, left):
        super().__init__()
        self.left = left

    def run(self):
        while self.left > 0:
            print("%s: %d" % (multiprocessing.current_process().name, self.left))
            self.left -= 1


children = [Countdown(left) for left in (2, 3)]
for child in children:
    child.start()
for child in children:
    child.join()
print("all done")
