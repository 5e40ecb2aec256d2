"""Renders test/media/street-drive.mp4: five seconds of driving down a street by day, with the hum of the engine.

Everything in the picture is built here from boxes, lofts and noise; no model, texture or sound of anybody else's is used.

    python3.11 -m pip install bpy==4.2.0                           # Blender as a Python module
    python3.11 test/media/render-street-drive.py                   # the frames, then the video; about a quarter of an hour
    python3.11 test/media/render-street-drive.py --frames 1,63     # only these, to look at

Coordinates are metres: the street runs along +Y, traffic keeps to the right, the road's surface is z = 0.
"""

import argparse
import math
import random
import subprocess
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

FPS = 25
SECONDS = 5
FRAMES = FPS * SECONDS
DRIVEN = 52.0  # metres that the camera moves
LANE = 3.4
KERB = 5.8  # where the pavement begins: a lane and a row of parked cars
FRONT = 9.4  # where the houses begin
STREET = (-25.0, 190.0)

random.seed(7)


# ---------------------------------------------------------------------------------------------------- materials


def principled(name, colour, roughness=0.8, metallic=0.0, glow=0.0):
    """A plain material of one colour, which may shine by itself."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    shader.inputs["Emission Color"].default_value = (*colour, 1)
    shader.inputs["Emission Strength"].default_value = glow
    return material


def facade_coordinates(tree):
    """Texture coordinates for upright walls: along the wall, and up."""
    position = tree.nodes.new("ShaderNodeTexCoord")
    split = tree.nodes.new("ShaderNodeSeparateXYZ")
    along = tree.nodes.new("ShaderNodeMath")
    joined = tree.nodes.new("ShaderNodeCombineXYZ")
    tree.links.new(position.outputs["Object"], split.inputs[0])
    tree.links.new(split.outputs["X"], along.inputs[0])
    tree.links.new(split.outputs["Y"], along.inputs[1])
    tree.links.new(along.outputs[0], joined.inputs["X"])
    tree.links.new(split.outputs["Z"], joined.inputs["Y"])
    return joined.outputs[0]


def bricks(name, colour, mortar, width, height, upright=True, scale=1.0):
    """Courses of bricks, paving stones or roof tiles, by their size in metres."""
    material = principled(name, colour, 0.9)
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexBrick")
    texture.inputs["Scale"].default_value = scale
    texture.inputs["Brick Width"].default_value = width
    texture.inputs["Row Height"].default_value = height
    texture.inputs["Mortar Size"].default_value = min(width, height) * 0.07
    texture.inputs["Color1"].default_value = (*colour, 1)
    texture.inputs["Color2"].default_value = (*[channel * 0.72 for channel in colour], 1)
    texture.inputs["Mortar"].default_value = (*mortar, 1)
    if upright:
        tree.links.new(facade_coordinates(tree), texture.inputs["Vector"])
    else:
        position = tree.nodes.new("ShaderNodeTexCoord")
        tree.links.new(position.outputs["Object"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def mottled(name, dark, light, scale, roughness=0.9, detail=6.0):
    """Two colours mixed by noise: asphalt, plaster, grass, leaves."""
    material = principled(name, dark, roughness)
    tree = material.node_tree
    position = tree.nodes.new("ShaderNodeTexCoord")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = detail
    noise.inputs["Roughness"].default_value = 0.65
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position = 0.32
    ramp.color_ramp.elements[0].color = (*dark, 1)
    ramp.color_ramp.elements[1].position = 0.68
    ramp.color_ramp.elements[1].color = (*light, 1)
    tree.links.new(position.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], ramp.inputs[0])
    tree.links.new(ramp.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


ASPHALT = mottled("asphalt", (0.070, 0.070, 0.073), (0.115, 0.113, 0.110), 0.9, 0.85, 12)
PATCH = mottled("patched asphalt", (0.045, 0.045, 0.047), (0.070, 0.070, 0.070), 2.0, 0.8, 12)
PAINT = mottled("road paint", (0.62, 0.62, 0.60), (0.82, 0.82, 0.80), 3.0, 0.7, 10)
PAVING = bricks("paving", (0.36, 0.34, 0.32), (0.20, 0.19, 0.18), 0.60, 0.40, upright=False)
KERBSTONE = principled("kerb", (0.46, 0.45, 0.43))
GRASS = mottled("grass", (0.035, 0.085, 0.020), (0.090, 0.160, 0.040), 1.5)
HEDGE = mottled("hedge", (0.018, 0.050, 0.014), (0.060, 0.120, 0.030), 9.0)
LEAVES = [
    mottled("leaves, dark", (0.030, 0.090, 0.018), (0.080, 0.170, 0.030), 1.2),
    mottled("leaves, light", (0.060, 0.130, 0.022), (0.150, 0.230, 0.045), 1.2),
]
BARK = mottled("bark", (0.045, 0.033, 0.024), (0.110, 0.085, 0.062), 6.0)
GLASS = principled("window", (0.030, 0.040, 0.050), 0.04)
CURTAIN = principled("window with curtain", (0.33, 0.32, 0.29), 0.10)
WHITE = principled("white wood", (0.76, 0.75, 0.71), 0.6)
STONE = principled("window sill", (0.42, 0.40, 0.37))
METAL = principled("grey metal", (0.16, 0.17, 0.18), 0.45, 0.7)
ZINC = principled("sign post", (0.42, 0.43, 0.44), 0.4, 0.8)
BULB = principled("lamp glass", (0.82, 0.83, 0.80), 0.2)
BLACK = principled("rubber", (0.015, 0.015, 0.016), 0.7)
RED = principled("sign red", (0.62, 0.015, 0.02), 0.5)
BLUE = principled("sign blue", (0.01, 0.09, 0.42), 0.5)
SIGN_WHITE = principled("sign white", (0.80, 0.80, 0.80), 0.5)
YELLOW = principled("number plate", (0.80, 0.55, 0.05), 0.5)
TAIL = principled("tail light", (0.85, 0.02, 0.015), 0.3, glow=1.6)
TAIL_OFF = principled("tail light, off", (0.38, 0.01, 0.01), 0.2)
HEADLIGHT = principled("headlight", (0.95, 0.95, 0.90), 0.1, glow=2.5)
HEADLIGHT_OFF = principled("headlight, off", (0.42, 0.44, 0.46), 0.12, 0.4)
GREEN_LIGHT = principled("green light", (0.05, 0.85, 0.35), 0.3, glow=2.5)
DARK_LIGHT = principled("unlit light", (0.05, 0.02, 0.02), 0.3)
DOORS = [principled(f"door {i}", c, 0.45) for i, c in enumerate([(0.20, 0.03, 0.03), (0.02, 0.09, 0.07), (0.03, 0.05, 0.13)])]
ROOFS = [
    bricks("red tiles", (0.26, 0.085, 0.05), (0.10, 0.04, 0.03), 0.30, 0.26),
    bricks("slates", (0.10, 0.105, 0.12), (0.05, 0.05, 0.06), 0.34, 0.24),
]
WALLS = [
    bricks("red brick", (0.30, 0.105, 0.07), (0.32, 0.30, 0.27), 0.24, 0.085),
    mottled("cream plaster", (0.56, 0.49, 0.37), (0.64, 0.57, 0.45), 1.2),
    bricks("yellow brick", (0.42, 0.31, 0.18), (0.38, 0.35, 0.30), 0.24, 0.085),
    mottled("white plaster", (0.63, 0.62, 0.58), (0.72, 0.71, 0.67), 1.0),
    mottled("grey blue plaster", (0.25, 0.31, 0.37), (0.32, 0.38, 0.44), 1.0),
    mottled("ochre plaster", (0.50, 0.30, 0.12), (0.58, 0.37, 0.17), 1.0),
    bricks("brown brick", (0.19, 0.095, 0.07), (0.26, 0.24, 0.22), 0.24, 0.085),
]
PAINTS = {
    name: principled(f"car, {name}", colour, 0.22, 0.35)
    for name, colour in {
        "silver": (0.48, 0.50, 0.52), "blue": (0.02, 0.07, 0.24), "white": (0.72, 0.72, 0.71), "red": (0.36, 0.02, 0.02),
        "graphite": (0.05, 0.055, 0.06), "green": (0.03, 0.12, 0.08),
    }.items()
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------- meshes


class Shape:
    """A mesh in the making: faces by material, joined into one object at the end."""

    def __init__(self, name):
        self.name, self.points, self.faces, self.slots, self.materials = name, [], [], [], []

    def face(self, points, material):
        if material not in self.materials:
            self.materials.append(material)
        self.faces.append(range(len(self.points), len(self.points) + len(points)))
        self.points.extend(points)
        self.slots.append(self.materials.index(material))

    def box(self, low, high, material, top=None):
        (x0, y0, z0), (x1, y1, z1) = low, high
        self.face([(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)], material)
        self.face([(x1, y1, z0), (x0, y1, z0), (x0, y1, z1), (x1, y1, z1)], material)
        self.face([(x0, y1, z0), (x0, y0, z0), (x0, y0, z1), (x0, y1, z1)], material)
        self.face([(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)], material)
        self.face([(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)], top or material)
        self.face([(x0, y1, z0), (x1, y1, z0), (x1, y0, z0), (x0, y0, z0)], material)

    def tube(self, start, end, radius, material, end_radius=None, sides=10):
        """A cylinder or cone between two points, closed at both ends."""
        start, end = Vector(start), Vector(end)
        turn = (end - start).to_track_quat("Z", "Y")
        ring = [turn @ Vector((math.cos(t), math.sin(t), 0)) for t in (math.tau * i / sides for i in range(sides))]
        wide, narrow = radius, radius if end_radius is None else end_radius
        for a, b in zip(ring, ring[1:] + ring[:1]):
            self.face([start + a * wide, start + b * wide, end + b * narrow, end + a * narrow], material)
        self.face([start + point * wide for point in reversed(ring)], material)
        self.face([end + point * narrow for point in ring], material)

    def loft(self, rings, material_of, cap):
        """Skin over rings of equally many points; `material_of(ring, side)` names each face's material."""
        for level, (lower, upper) in enumerate(zip(rings, rings[1:])):
            for side in range(len(lower)):
                after = (side + 1) % len(lower)
                self.face([lower[side], lower[after], upper[after], upper[side]], material_of(level, side))
        self.face(list(reversed(rings[0])), cap)
        self.face(list(rings[-1]), cap)

    def mesh(self):
        mesh = bpy.data.meshes.new(self.name)
        mesh.from_pydata([tuple(point) for point in self.points], [], [tuple(face) for face in self.faces])
        for material in self.materials:
            mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", self.slots)
        mesh.update()
        return mesh


def put(mesh, place=(0, 0, 0), turn=0.0, size=1.0):
    """Puts a mesh into the scene; the same mesh may be put many times."""
    thing = bpy.data.objects.new(mesh.name, mesh)
    thing.matrix_world = Matrix.Translation(place) @ Matrix.Rotation(turn, 4, "Z") @ Matrix.Scale(size, 4)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def smooth(mesh, thing):
    """Rounds a lofted body: welds its faces, subdivides and shades it smoothly."""
    weld = thing.modifiers.new("weld", "WELD")
    weld.merge_threshold = 0.001
    rounding = thing.modifiers.new("round", "SUBSURF")
    rounding.levels = rounding.render_levels = 2
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))


# ------------------------------------------------------------------------------------------------------- street


def lay_road():
    start, end = STREET
    road = Shape("road")
    road.face([(-KERB, start, 0), (KERB, start, 0), (KERB, end, 0), (-KERB, end, 0)], ASPHALT)
    for x0, y0, width, length in [(0.5, 14, 1.1, 6), (-2.9, 30, 1.4, 9), (1.9, 41, 1.3, 4.5), (-1.6, 67, 1.0, 12), (0.7, 84, 2.0, 8)]:
        road.face([(x0, y0, 0.003), (x0 + width, y0, 0.003), (x0 + width, y0 + length, 0.003), (x0, y0 + length, 0.003)], PATCH)
    for y in range(int(start), int(end), 9):  # the dashes between the lanes
        if not 56 < y < 68:
            road.face([(-0.07, y, 0.006), (0.07, y, 0.006), (0.07, y + 4, 0.006), (-0.07, y + 4, 0.006)], PAINT)
    for x in (-LANE - 0.06, LANE + 0.06):  # the line along the parked cars
        road.face([(x - 0.06, start, 0.006), (x + 0.06, start, 0.006), (x + 0.06, end, 0.006), (x - 0.06, end, 0.006)], PAINT)
    for bar in range(11):  # the zebra crossing, and the line to stop at
        x = -5.25 + bar * 1.0
        road.face([(x, 62, 0.009), (x + 0.5, 62, 0.009), (x + 0.5, 66, 0.009), (x, 66, 0.009)], PAINT)
    road.face([(0.1, 60.2, 0.009), (LANE, 60.2, 0.009), (LANE, 60.6, 0.009), (0.1, 60.6, 0.009)], PAINT)
    for x, y in [(0.9, 23), (-1.8, 37), (2.3, 55), (-0.8, 79)]:  # manhole covers
        road.tube((x, y, 0), (x, y, 0.008), 0.34, METAL, sides=20)
    for side in (-1, 1):
        inner, outer = sorted((side * KERB, side * (KERB + 0.18)))
        road.box((inner, start, 0), (outer, end, 0.14), KERBSTONE)
        inner, outer = sorted((side * (KERB + 0.18), side * FRONT))
        road.box((inner, start, 0), (outer, end, 0.135), PAVING)
        inner, outer = sorted((side * FRONT, side * 60))
        road.face([(inner, start, 0.1), (outer, start, 0.1), (outer, end + 60, 0.1), (inner, end + 60, 0.1)], GRASS)
    put(road.mesh())


def add_window(house, x, z, width, height):
    glass = CURTAIN if random.random() < 0.3 else GLASS
    house.face([(x, -0.01, z), (x + width, -0.01, z), (x + width, -0.01, z + height), (x, -0.01, z + height)], glass)
    bars = [(x - 0.06, x + 0.04), (x + width - 0.04, x + width + 0.06), (x + width / 2 - 0.03, x + width / 2 + 0.03)]
    for left, right in bars:
        house.box((left, -0.05, z), (right, 0, z + height), WHITE)
    for low, high in [(z, z + 0.06), (z + height - 0.06, z + height), (z + height * 0.62, z + height * 0.62 + 0.05)]:
        house.box((x, -0.05, low), (x + width, 0, high), WHITE)
    house.box((x - 0.14, -0.14, z - 0.10), (x + width + 0.14, 0, z), STONE)
    house.box((x - 0.12, -0.04, z + height), (x + width + 0.12, 0, z + height + 0.16), STONE)


def build_house(width, floors, wall, roof, gable):
    """A house with its front along the x axis, looking towards -y."""
    house, depth, storey = Shape("house"), 9.0, 2.9
    top = 0.4 + floors * storey
    house.box((0, 0, 0), (width, depth, top), wall)
    house.box((0, -0.05, 0), (width, 0.02, 0.45), STONE)
    house.box((-0.05, -0.22, top - 0.22), (width + 0.05, 0, top + 0.02), WHITE)
    rise = 3.0
    if gable:  # the roof's ridge runs along the street
        eaves, ridge = -0.45, depth / 2
        house.face([(-0.1, eaves, top), (width + 0.1, eaves, top), (width + 0.1, ridge, top + rise), (-0.1, ridge, top + rise)], roof)
        house.face(
            [(-0.1, ridge, top + rise), (width + 0.1, ridge, top + rise), (width + 0.1, depth + 0.4, top), (-0.1, depth + 0.4, top)], roof
        )
        for x in (0.0, width):
            house.face([(x, 0, top), (x, depth, top), (x, ridge, top + rise)], wall)
        house.box((width * 0.7, 2.2, top), (width * 0.7 + 0.9, 2.9, top + rise + 0.9), WALLS[6])
        for x in [width * 0.2, width * 0.55] if width > 8 else [width * 0.4]:  # roof windows
            house.box((x, 1.2, top), (x + 1.0, 2.6, top + 1.75), roof)
            house.face(
                [(x + 0.1, 1.19, top + 1.05), (x + 0.9, 1.19, top + 1.05), (x + 0.9, 1.19, top + 1.65), (x + 0.1, 1.19, top + 1.65)], GLASS
            )
    else:
        house.box((-0.08, -0.3, top), (width + 0.08, depth, top + 0.5), STONE)
    columns = max(2, round(width / 2.6))
    pitch = width / columns
    door = random.randrange(columns)
    for floor in range(floors):
        for column in range(columns):
            x, z = column * pitch + pitch / 2 - 0.55, 0.4 + floor * storey
            if floor == 0 and column == door:
                house.box((x - 0.05, -0.06, 0.1), (x + 1.15, 0, 2.75), WHITE)
                house.box((x + 0.05, -0.10, 0.1), (x + 1.05, 0, 2.25), random.choice(DOORS))
                house.face([(x + 0.1, -0.07, 2.32), (x + 1.0, -0.07, 2.32), (x + 1.0, -0.07, 2.66), (x + 0.1, -0.07, 2.66)], GLASS)
                house.box((x - 0.2, -0.7, 0), (x + 1.3, 0, 0.18), STONE)
            else:
                add_window(house, x, z + 0.8, 1.1, 1.55)
    return house.mesh()


def build_houses():
    for side in (-1, 1):
        y = STREET[0] + (3 if side < 0 else 0)
        while y < 150:
            width, floors = random.uniform(7.5, 12.5), random.choice([2, 2, 3, 3, 4])
            wall = WALLS[random.randrange(len(WALLS))]
            mesh = build_house(width, floors, wall, random.choice(ROOFS), gable=random.random() < 0.75)
            back = random.uniform(0, 0.5)
            near = y + width if side > 0 else y
            put(mesh, (side * (FRONT + back), near, 0), -side * math.pi / 2)
            gap = random.choice([0, 0, 0, 2.6])
            if gap:  # a garden wall with a hedge above it
                garden = Shape("garden")
                left, right = sorted((side * FRONT, side * (FRONT + 0.4)))
                garden.box((left, y + width, 0), (right, y + width + gap, 0.9), WALLS[0])
                garden.box((left, y + width + 0.1, 0.9), (right, y + width + gap - 0.1, 1.9), HEDGE)
                put(garden.mesh())
            y += width + gap
    end = Shape("end of the street")  # a square with houses and a church across it
    put(build_house(16, 4, WALLS[1], ROOFS[1], True), (-20, 200, 0))
    put(build_house(14, 3, WALLS[0], ROOFS[0], True), (10, 204, 0))
    end.box((-3, 205, 0), (5, 225, 12), WALLS[2])
    end.box((-1.5, 204, 0), (3.5, 209, 22), WALLS[2])
    for a, b in [((-1.5, 204), (3.5, 204)), ((3.5, 204), (3.5, 209)), ((3.5, 209), (-1.5, 209)), ((-1.5, 209), (-1.5, 204))]:
        end.face([(*a, 22), (*b, 22), (1, 206.5, 35)], ROOFS[1])
    put(end.mesh())


def build_tree(seed, leaves):
    chance, tree = random.Random(seed), Shape("tree")
    tree.tube((0, 0, 0), (0.05, 0.02, 2.8), 0.17, BARK, 0.12)
    clumps = [(Vector((0, 0, 4.6)), 1.5)]
    for branch in range(9):
        turn, reach = math.tau * branch / 9 + chance.uniform(-0.3, 0.3), chance.uniform(0.9, 1.7)
        tip = Vector((math.cos(turn) * reach, math.sin(turn) * reach, chance.uniform(3.3, 6.0)))
        tree.tube((0.03, 0.01, 2.5), tip, 0.075, BARK, 0.02, sides=6)
        clumps.append((tip, chance.uniform(0.8, 1.25)))
    for centre, radius in clumps:
        for _ in range(int(1000 * radius**2)):
            outwards = Vector([chance.gauss(0, 1) for _ in range(3)]).normalized()
            place = centre + outwards * radius * chance.uniform(0.55, 1.0)
            size = chance.uniform(0.05, 0.095)
            across = outwards.orthogonal().normalized()
            turned = (outwards + Vector([chance.gauss(0, 0.5) for _ in range(3)])).normalized()
            across = (across - turned * across.dot(turned)).normalized() * size
            along = turned.cross(across) * 1.5
            tree.face([place - across, place + along, place + across, place - along], leaves)
    return tree.mesh()


def plant_trees():
    trees = [build_tree(seed, LEAVES[seed % 2]) for seed in range(4)]
    for side, offset in ((-1, 2.0), (1, 8.0)):
        y = STREET[0] + offset
        while y < 185:
            put(random.choice(trees), (side * 7.0, y + random.uniform(-1, 1), 0.13), random.uniform(0, 6), random.uniform(0.85, 1.15))
            y += 15
    for x in range(-34, 40, 5):
        put(
            random.choice(trees),
            (x + random.uniform(-1, 1), 194 + random.uniform(-3, 3), 0),
            random.uniform(0, 6),
            random.uniform(1.2, 1.6),
        )


def raise_lamps():
    lamp = Shape("street lamp")
    lamp.tube((0, 0, 0), (0, 0, 1.1), 0.10, METAL)
    lamp.tube((0, 0, 1.1), (0, 0, 6.6), 0.065, METAL, 0.05)
    lamp.tube((0, 0, 6.6), (-0.5, 0, 7.05), 0.05, METAL)
    lamp.tube((-0.5, 0, 7.05), (-1.5, 0, 7.15), 0.045, METAL)
    lamp.box((-2.15, -0.15, 7.08), (-1.4, 0.15, 7.24), METAL)
    lamp.box((-2.10, -0.13, 7.00), (-1.45, 0.13, 7.08), BULB)
    mesh = lamp.mesh()
    for side, first in ((1, -14), (-1, -3)):
        for y in range(first, 185, 22):
            put(mesh, (side * 6.25, y, 0.13), 0 if side > 0 else math.pi)


def disc(shape, x, y, z, radius, material, sides=28):
    turns = [math.tau * (i + 0.5) / sides + math.pi / 2 for i in range(sides)]
    shape.face([(x + math.cos(t) * radius, y, z + math.sin(t) * radius) for t in turns], material)


def set_signs():
    def on_post(x, y):
        sign = Shape("traffic sign")
        sign.tube((x, y + 0.06, 0.1), (x, y + 0.06, 3.0), 0.035, ZINC)
        return sign

    limit = on_post(6.15, 33)
    disc(limit, 6.15, 33.00, 2.65, 0.34, RED)
    disc(limit, 6.15, 32.99, 2.65, 0.26, SIGN_WHITE)
    put(limit.mesh())
    figures = bpy.data.curves.new("30", "FONT")
    figures.body, figures.size, figures.align_x, figures.align_y = "30", 0.36, "CENTER", "CENTER"
    figures.materials.append(BLACK)
    text = bpy.data.objects.new("30", figures)
    text.location, text.rotation_euler = (6.15, 32.98, 2.65), (math.pi / 2, 0, 0)
    bpy.context.scene.collection.objects.link(text)

    for x in (6.15, -6.15):  # the crossing: a blue square with a white triangle
        crossing = on_post(x, 61.5)
        crossing.face([(x - 0.34, 61.5, 2.3), (x + 0.34, 61.5, 2.3), (x + 0.34, 61.5, 2.98), (x - 0.34, 61.5, 2.98)], BLUE)
        crossing.face([(x - 0.26, 61.49, 2.38), (x + 0.26, 61.49, 2.38), (x, 61.49, 2.88)], SIGN_WHITE)
        disc(crossing, x, 61.48, 2.53, 0.10, BLACK)
        put(crossing.mesh())

    bend = on_post(6.15, 88)
    disc(bend, 6.15, 88.00, 2.75, 0.46, RED, sides=3)
    disc(bend, 6.15, 87.99, 2.75, 0.31, SIGN_WHITE, sides=3)
    put(bend.mesh())

    for x in (5.95, -5.95):  # traffic lights at the crossing, green
        lights = Shape("traffic light")
        lights.tube((x, 60.9, 0.1), (x, 60.9, 2.5), 0.06, METAL)
        lights.box((x - 0.16, 60.75, 2.4), (x + 0.16, 61.0, 3.35), BLACK)
        for z, material in ((3.18, DARK_LIGHT), (2.88, DARK_LIGHT), (2.58, GREEN_LIGHT)):
            disc(lights, x, 60.74, z, 0.11, material)
        put(lights.mesh())


# --------------------------------------------------------------------------------------------------------- cars


def oblong(y0, y1, half_width, z, corner):
    """A ring of twelve points: an oblong with cut corners, from the rear left round to the rear right."""
    w, c = half_width, corner
    flat = [
        (-w + c, y0),
        (w - c, y0),
        (w - c / 3, y0 + c / 3),
        (w, y0 + c),
        (w, y1 - c),
        (w - c / 3, y1 - c / 3),
        (w - c, y1),
        (-w + c, y1),
        (-w + c / 3, y1 - c / 3),
        (-w, y1 - c),
        (-w, y0 + c),
        (-w + c / 3, y0 + c / 3),
    ]
    return [(x, y, z) for x, y in flat]


def build_car(name, tail=TAIL_OFF, head=HEADLIGHT_OFF, estate=False):
    """A car with its rear at y = 0, its nose towards +y; the body is rounded by `smooth`."""
    paint, length = PAINTS[name], 4.35
    body = Shape("car")
    sill = [
        oblong(0.08, length - 0.10, 0.80, 0.24, 0.25),
        oblong(0.0, length, 0.86, 0.42, 0.28),
        oblong(0.0, length - 0.02, 0.885, 0.62, 0.30),
    ]
    waist = [oblong(0.05, length - 0.28, 0.875, 0.84, 0.34), oblong(0.14, length - 0.95, 0.82, 0.97, 0.34)]
    body.loft(sill + waist, lambda level, _: BLACK if level == 0 else paint, paint)
    shell = body.mesh()
    rear = 0.25 if estate else 0.62
    cabin = Shape("cabin")
    glazing = [
        oblong(0.16, 3.20, 0.79, 0.92, 0.24),
        oblong((rear + 0.16) / 2, 2.80, 0.73, 1.18, 0.24),
        oblong(rear, 2.25, 0.63, 1.42, 0.24),
    ]
    roof = [oblong(rear + 0.02, 2.20, 0.62, 1.45, 0.26), oblong(rear + 0.22, 1.95, 0.48, 1.49, 0.26)]
    # Glass between the corners; the corners are the pillars.
    pillars = {1, 2, 5, 7, 8, 11}
    cabin.loft(glazing + roof, lambda level, side: paint if level >= 2 or side in pillars else GLASS, paint)
    details = Shape("car details")
    for side in (-1, 1):
        left, right = sorted((side * 0.50, side * 0.84))
        details.box((left, -0.015, 0.70), (right, 0.14, 0.86), tail)
        left, right = sorted((side * 0.48, side * 0.74))
        details.box((left, length - 0.28, 0.60), (right, length - 0.07, 0.71), head)
        left, right = sorted((side * 0.84, side * 1.0))
        details.box((left, 2.72, 0.95), (right, 2.82, 1.08), paint)
        for y in (0.78, 3.50):
            left, right = sorted((side * 0.70, side * 0.89))
            details.tube((left, y, 0.31), (right, y, 0.31), 0.31, BLACK, sides=20)
            details.tube((side * 0.86, y, 0.31), (side * 0.895, y, 0.31), 0.18, ZINC, sides=14)
    details.box((-0.26, -0.025, 0.55), (0.26, 0.05, 0.66), YELLOW)
    details.box((-0.80, -0.012, 0.30), (0.80, 0.10, 0.47), BLACK)
    details.box((-0.26, length - 0.05, 0.38), (0.26, length + 0.02, 0.49), SIGN_WHITE)
    details.box((-0.45, rear + 0.06, 1.44), (0.45, rear + 0.12, 1.475), BLACK)
    return [(shell, True), (cabin.mesh(), False), (details.mesh(), False)]


def put_car(parts, x, y, heading=0.0):
    """Puts a car and gives back the empty object that moves it."""
    pivot = bpy.data.objects.new("car", None)
    bpy.context.scene.collection.objects.link(pivot)
    for mesh, rounded in parts:
        part = put(mesh)
        if rounded:
            smooth(mesh, part)
        part.parent = pivot
    pivot.location, pivot.rotation_euler = (x, y, 0), (0, 0, heading)
    return pivot


def move(thing, path):
    """Keys a thing's place: `path` is a list of (frame, (x, y, z)), eased between."""
    for frame, place in path:
        thing.location = place
        thing.keyframe_insert("location", frame=frame)


def add_traffic():
    ahead = put_car(build_car("blue", TAIL), LANE / 2, 15)
    move(ahead, [(1, (1.75, 15.0, 0)), (70, (1.70, 45.5, 0)), (FRAMES + 1, (1.75, 70.0, 0))])
    further = put_car(build_car("white", TAIL, estate=True), LANE / 2, 40)
    move(further, [(1, (1.7, 41.0, 0)), (FRAMES + 1, (1.7, 104.0, 0))])
    oncoming = put_car(build_car("red", head=HEADLIGHT), -LANE / 2, 92, math.pi)
    move(oncoming, [(1, (-1.75, 96.0, 0)), (FRAMES + 1, (-1.75, 44.0, 0))])
    names = list(PAINTS)
    parked = {name: build_car(name, estate=index % 2 == 0) for index, name in enumerate(names)}
    for side, first in ((1, -16.0), (-1, -12.0)):
        y = first
        while y < 150:
            if random.random() < 0.62 and not 54 < y < 68:
                put_car(parked[random.choice(names)], side * 4.72, y + (0 if side > 0 else 4.35), 0 if side > 0 else math.pi)
            y += 5.9


# --------------------------------------------------------------------------------------------- light and camera


def light_the_day():
    """Sun from behind the camera, and a sky with fair-weather clouds."""
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.angle, sun.color = 4.2, math.radians(1.0), (1.0, 0.94, 0.84)
    thing = bpy.data.objects.new("sun", sun)
    thing.rotation_euler = (math.radians(48), 0, math.radians(-38))
    bpy.context.scene.collection.objects.link(thing)

    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    node = tree.nodes.new
    direction, split = node("ShaderNodeTexCoord"), node("ShaderNodeSeparateXYZ")
    tree.links.new(direction.outputs["Generated"], split.inputs[0])
    blue = node("ShaderNodeValToRGB")
    blue.color_ramp.elements[0].color = (0.47, 0.66, 0.90, 1)
    blue.color_ramp.elements[1].position, blue.color_ramp.elements[1].color = 0.42, (0.07, 0.22, 0.62, 1)
    tree.links.new(split.outputs["Z"], blue.inputs[0])
    height = node("ShaderNodeMath")  # clouds lie on a plane: further away they are smaller and closer together
    height.operation, height.inputs[1].default_value = "ADD", 0.16
    tree.links.new(split.outputs["Z"], height.inputs[0])
    plane = node("ShaderNodeCombineXYZ")
    for axis in "XY":
        flat = node("ShaderNodeMath")
        flat.operation = "DIVIDE"
        tree.links.new(split.outputs[axis], flat.inputs[0])
        tree.links.new(height.outputs[0], flat.inputs[1])
        tree.links.new(flat.outputs[0], plane.inputs[axis])
    noise, cover = node("ShaderNodeTexNoise"), node("ShaderNodeValToRGB")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 1.15, 9
    noise.inputs["Roughness"].default_value = 0.56
    cover.color_ramp.elements[0].position, cover.color_ramp.elements[1].position = 0.49, 0.62
    tree.links.new(plane.outputs[0], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], cover.inputs[0])
    sky = node("ShaderNodeMixRGB")
    sky.inputs["Color2"].default_value = (0.96, 0.96, 0.97, 1)
    tree.links.new(cover.outputs[0], sky.inputs[0])
    tree.links.new(blue.outputs[0], sky.inputs[1])
    background = tree.nodes["Background"]
    background.inputs["Strength"].default_value = 1.15
    tree.links.new(sky.outputs[0], background.inputs["Color"])


def mount_camera():
    camera = bpy.data.cameras.new("camera")
    camera.angle = math.radians(62)
    thing = bpy.data.objects.new("camera", camera)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.scene.camera = thing
    for frame in range(0, FRAMES + 3):
        seconds = (frame - 1) / FPS
        sway, bob = 0.05 * math.sin(0.9 * seconds), 0.012 * math.sin(7.3 * seconds) + 0.008 * math.sin(11.9 * seconds)
        thing.location = (LANE / 2 - 0.05 + sway, DRIVEN * (frame - 1) / FRAMES, 1.38 + bob)
        thing.rotation_euler = (math.radians(90.6) + bob * 0.25, 0.002 * math.sin(3 * seconds), 0.012 * math.cos(0.9 * seconds))
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)


# ------------------------------------------------------------------------------------------------------- output


def render(folder, frames, size, samples):
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_adaptive_sampling = samples, True
    scene.cycles.adaptive_threshold = 0.03
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = 4, 2, 2
    scene.cycles.sample_clamp_indirect = 3.0
    scene.cycles.blur_glossy = 1.0
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    scene.render.use_persistent_data = True
    scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 0.35
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.fps = FPS
    scene.view_settings.view_transform, scene.view_settings.look = "Filmic", "Medium High Contrast"
    scene.view_settings.exposure = 0.35
    for frame in frames:
        path = folder / f"{frame:04d}.png"
        if not path.exists():  # an interrupted rendering goes on where it stopped
            scene.frame_set(frame)
            scene.render.filepath = str(folder / "unfinished.png")
            bpy.ops.render.render(write_still=True)
            (folder / "unfinished.png").rename(path)


def encode(folder, output):
    """The frames, with the hum of an engine that revs up a little and the hiss of tyres on asphalt."""
    turns = "2*PI*(46*t+1.6*t*t)"
    engine = [f"0.06*sin({turns}+{phase})+0.035*sin(2*({turns}))+0.015*sin(3*({turns})+{phase})" for phase in (0, 0.6)]
    tyres = f"anoisesrc=color=brown:amplitude=0.12:seed=1:duration={SECONDS}:sample_rate=48000,highpass=f=60,lowpass=f=2500"
    sound = f"[1:a][2:a]amix=inputs=2:duration=shortest,afade=t=in:d=0.3,afade=t=out:st={SECONDS - 0.3}:d=0.3"
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-framerate", str(FPS), "-i", str(folder / "%04d.png")]
    command += ["-f", "lavfi", "-i", f"aevalsrc={'|'.join(engine)}:s=48000:d={SECONDS}:c=stereo"]
    command += ["-f", "lavfi", "-i", f"{tyres},aformat=channel_layouts=stereo"]
    command += ["-filter_complex", sound + "[a];[0:v]scale=out_color_matrix=bt709:out_range=tv,format=yuv420p[v]"]
    command += ["-map", "[v]", "-map", "[a]", "-c:v", "libx264", "-preset", "veryslow", "-crf", "21", "-g", "50"]
    command += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    command += ["-c:a", "aac", "-b:a", "96k", "-metadata", "title=Street drive", "-movflags", "+faststart", str(output)]
    subprocess.run(command, check=True)


def main():
    parser = argparse.ArgumentParser()
    here = Path(__file__).resolve().parent
    parser.add_argument("--frames", help="numbers with commas between; default: all, then the video")
    parser.add_argument("--folder", type=Path, default=here / "../.cache/street-drive", help="where the frames go")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--samples", type=int, default=6)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    lay_road()
    build_houses()
    plant_trees()
    raise_lamps()
    set_signs()
    add_traffic()
    light_the_day()
    mount_camera()
    for action in bpy.data.actions:
        for curve in action.fcurves:
            for key in curve.keyframe_points:
                key.interpolation = "BEZIER" if len(curve.keyframe_points) == 3 else "LINEAR"

    size = tuple(int(side) for side in options.size.split("x"))
    if options.frames:
        render(options.folder, [int(frame) for frame in options.frames.split(",")], size, options.samples)
    else:
        render(options.folder, range(1, FRAMES + 1), size, options.samples)
        encode(options.folder, here / "street-drive.mp4")


main()
